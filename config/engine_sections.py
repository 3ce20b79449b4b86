"""Sections of what runs the networks, and of how far an engine may be from its reference."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.section import Count, Fraction, Section


class Engine(Section):
    """What runs the networks."""

    backend: Literal["auto", "openvino", "tensorrt", "torch"] = "auto"
    """auto: tensorrt where a GPU and TensorRT are, torch on a GPU that TensorRT cannot run on, else openvino"""
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    """auto: on a processor int8 where it multiplies that (VNNI, AMX) and the model has an `int8` file in models.yaml,
    else bf16, else fp32; on a GPU fp16. Every engine passes the limits of `parity` before it is used"""
    require: Literal["openvino", "tensorrt", "torch"] | None = None
    """anything else is an error"""
    threads: Annotated[int, Field(ge=0)] = 0
    """openvino: of one network; 0: all cores"""
    streams: Annotated[int, Field(ge=0)] = 0
    """openvino: parts of a batch that run beside each other; 0: as measured for the mode (docs/performance.md)"""
    mode: Literal["auto", "latency", "throughput"] = "auto"
    """openvino: what threads and streams are chosen for where they are 0. latency: a single frame gets all cores;
    throughput: each core works on frames of its own. auto: latency for live cameras, throughput for everything else"""
    gpu: Annotated[int, Field(ge=0)] = 0
    """tensorrt, torch: which GPU, by index"""
    gpu_memory_mib: Count = 4096
    """tensorrt: device memory of one network at most, and as much again for all frames and crops; a batch that needs
    more is an error that says so"""
    version_compatible: bool = False
    """tensorrt: engines that later releases run too; larger and a little slower"""
    hardware_compatible: bool = False
    """tensorrt: engines that other GPUs run too, Ampere and newer; slower"""


class Parity(Section):
    """How far a built engine may be from the fp32 reference on the same real crops and frames; else it is refused."""

    min_cosine: Fraction = 0.97
    """between an engine's vector and the reference's, the worst crop. At 0.97 the two are 0.06 apart in squared L2,
    less than a tenth of the threshold; int8 keeps 0.998, bf16 0.9998 (docs/int8.md)"""
    min_mean_cosine: Fraction = 0.99
    """the same in the mean: 0.02 in squared L2; int8 keeps 0.9997"""
    max_changed_decisions: Fraction = 0.01
    """share of pairs of crops that are the same person for one and not for the other, at the operating threshold"""
    min_recall: Fraction = 0.97
    """of the reference's faces, those that the engine finds too (IoU 0.5). bf16 finds all of the gate's frames; one
    face at the border of the detector's score may come or go"""
    max_landmark_error: Fraction = 0.03
    """mean distance of landmarks from the reference's, as a fraction of the face's width. bf16 is 0.005 off; two sizes
    of input disagree by 0.03 (docs/detection.md)"""
    max_lfw_loss: Fraction = 0.001
    """LFW View 2 accuracy, where the photos are there: 0.001 is 0.1 points, 6 of 6,000 pairs"""
