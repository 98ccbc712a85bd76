import pytest

from components.video_example_gen.names import people_of


@pytest.mark.parametrize(
    ("name", "people"),
    [
        ("000", ("ff000",)),
        ("000_003", ("ff000", "ff003")),
        ("01__walking", ("actor01",)),
        ("01_02__walking__ABC", ("actor01", "actor02")),
        ("id0_0000", ("celeb0",)),
        ("id0_id16_0000", ("celeb0", "celeb16")),
        ("id0_0000_test_id08701_aaa", ("celeb0",)),
        ("000_M101", ("ff000", "deeperM101")),
        ("643049_A_001", ("preview643049",)),
        ("1255229_1260311_C_001", ("preview1260311", "preview1255229")),
        ("0001", ("uadfv0001",)),
        ("0001_fake", ("uadfv0001",)),
        ("00170", ("00170",)),
        ("aagfhgtpmv", ("aagfhgtpmv",)),
    ],
)
def test_people(name, people):
    assert people_of(name) == people
