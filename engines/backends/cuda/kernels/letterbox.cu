// Pictures on the device -> a detector's input, uint8 (n, height, width, 3): scaled down by averaging areas, black
// beyond. Colour order, mean and scale are in the network's graph.
#include "pixels.cuh"

// Columns of the place: the scaled picture's sides; a rectangle of it; where that lies in which picture of the input.
enum { SCALED_WIDTH = PLACE, SCALED_HEIGHT, LEFT, TOP, ACROSS, DOWN, TO_LEFT, TO_TOP, SLOT };

// One thread a pixel of a rectangle, z the rectangle. What no rectangle covers stays as it was.
extern "C" __global__ void letterbox(const i64* table, u8* input, int width, int height) {
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    const i64* row = table + (i64)blockIdx.z * ROW_COLUMNS;
    int to_x = (int)row[TO_LEFT] + x, to_y = (int)row[TO_TOP] + y;
    if (x >= row[ACROSS] || y >= row[DOWN] || to_x >= width || to_y >= height) return;
    int scaled_width = (int)row[SCALED_WIDTH], scaled_height = (int)row[SCALED_HEIGHT];
    int from_x = (int)row[LEFT] + x, from_y = (int)row[TOP] + y;
    Rgb value = {0, 0, 0};
    if (from_x < scaled_width && from_y < scaled_height) {
        Picture picture(row);
        Region whole{picture, 0, 0, picture.width, picture.height};
        // The mean over one pixel is that pixel: a picture that is not scaled stays as it is.
        value = area_mean(whole, from_x, from_y, scaled_width, scaled_height);
    }
    store(input + ((row[SLOT] * height + to_y) * width + to_x) * 3, value);
}

HOST_KERNEL(letterbox)
