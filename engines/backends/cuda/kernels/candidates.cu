// CenterFace's maps -> the cells whose score is high enough, so that only they cross the bus.
#include "pixels.cuh"

enum { SCALES = 2, OFFSETS = 2, POINTS = 10, NUMBERS = 1 + SCALES + OFFSETS + POINTS };

// One thread a cell, z the picture. counts (n,) are 0 before, and afterwards how many cells there are, also where
// they are more than `capacity`; found (n, capacity) cells come in no order; numbers (n, capacity, 15) beside them.
extern "C" __global__ void candidates(const float* heat, const float* scale, const float* offset,
                                      const float* points, int* counts, int* found, float* numbers, int cells,
                                      int capacity, float low_score) {
    int cell = blockIdx.x * blockDim.x + threadIdx.x;
    if (cell >= cells) return;
    i64 picture = blockIdx.z;
    float score = heat[picture * cells + cell];
    if (!(score > low_score)) return;
    int at = atomicAdd(counts + picture, 1);
    if (at >= capacity) return;
    found[picture * capacity + at] = cell;
    float* row = numbers + (picture * capacity + at) * NUMBERS;
    *row++ = score;
    for (int map = 0; map < SCALES; ++map) *row++ = scale[(picture * SCALES + map) * cells + cell];
    for (int map = 0; map < OFFSETS; ++map) *row++ = offset[(picture * OFFSETS + map) * cells + cell];
    for (int map = 0; map < POINTS; ++map) *row++ = points[(picture * POINTS + map) * cells + cell];
}

HOST_KERNEL(candidates)
