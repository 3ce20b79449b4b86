// Pictures on the device in any layout -> upright RGB, uint8 (height, width, 3), for what the host asks for.
#include "pixels.cuh"

// One thread a pixel of one picture.
extern "C" __global__ void rgb(const i64* table, u8* output) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    Picture picture(table);
    if (x >= picture.width || y >= picture.height) return;
    store(output + ((i64)y * picture.width + x) * 3, picture.at(x, y));
}

HOST_KERNEL(rgb)
