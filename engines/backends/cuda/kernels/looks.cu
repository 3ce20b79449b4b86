// Crops on the device -> the two small pictures that a face's quality is told from: grey, at the size that the face
// had in its picture, and coloured, for what is in front of it. They are a tenth of a crop's bytes.
#include "pixels.cuh"

struct Grey {
    const Picture& picture;
    int width, height;

    // Rec. ITU-R BT.601 luma in 15 fraction bits, as OpenCV has it.
    __device__ Rgb at(int x, int y) const {
        Rgb pixel = picture.at(x, y);
        int grey = (pixel.r * 9798 + pixel.g * 19235 + pixel.b * 3735 + 16384) >> 15;
        return Rgb{grey, grey, grey};
    }
};

// One thread a pixel of the larger of both, z the face. crops (n, side, side, 3); grey_sides (n,);
// grey (n, room): each a square of its own side; small (n, small_side, small_side, 3).
extern "C" __global__ void looks(const u8* crops, const int* grey_sides, u8* grey, u8* small, int side, int room,
                                 int small_side) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    i64 face = blockIdx.z;
    const i64 row[ROW_COLUMNS] = {(i64)(crops + face * side * side * 3), 0, side, side, side * 3, RGB8, 0, 0};
    Picture crop(row);
    int grey_side = grey_sides[face];
    if (x < grey_side && y < grey_side)
        grey[face * room + y * grey_side + x] = (u8)area_mean(Grey{crop, side, side}, x, y, grey_side, grey_side).r;
    if (x < small_side && y < small_side)
        store(small + ((face * small_side + y) * small_side + x) * 3,
              area_mean(Region{crop, 0, 0, side, side}, x, y, small_side, small_side));
}

HOST_KERNEL(looks)
