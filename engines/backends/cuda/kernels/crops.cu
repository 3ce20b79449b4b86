// All faces of a batch, from any of the pictures that are on the device -> crops, uint8 (n, side, side, 3).
#include "pixels.cuh"

// One thread a pixel of the crop, z the face. The place is the region to cut: x0 y0 x1 y1, whole pixels inside the
// picture. Bilinear; where the region's shorter side is over twice the crop's, the mean of areas.
extern "C" __global__ void crops(const i64* table, u8* output, int side) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= side || y >= side) return;
    const i64* row = table + (i64)blockIdx.z * ROW_COLUMNS;
    Picture picture(row);
    const i64* place = row + PLACE;
    Region region{picture, (int)place[0], (int)place[1], (int)(place[2] - place[0]), (int)(place[3] - place[1])};
    int shorter = region.width < region.height ? region.width : region.height;
    Rgb value = shorter > 2 * side ? area_mean(region, x, y, side, side) : bilinear(region, x, y, side, side);
    store(output + (((i64)blockIdx.z * side + y) * side + x) * 3, value);
}

HOST_KERNEL(crops)
