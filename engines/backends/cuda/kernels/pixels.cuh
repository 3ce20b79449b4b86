// Reading pictures that lie in device memory, and resizing as OpenCV does, byte for byte.
//
// Included by the kernels; compiled by NVRTC for a GPU and by a C++ compiler, with host_cuda.h, for a processor.
// Both must round each operation on its own (no fused multiply-add): the float sums below then have OpenCV's bits.
#pragma once

#ifndef HOST_KERNEL
#define HOST_KERNEL(name) // host_cuda.h makes an entry for the host of it
#endif

typedef unsigned char u8;
typedef long long i64;

// Columns of a table's row (surface.py writes them): eight of the picture, nine of the place.
enum { LUMA, CHROMA, WIDTH, HEIGHT, PITCH, LAYOUT, COLOUR, TURN, PLACE, ROW_COLUMNS = 17 };
enum { RGB8 = 0, NV12 = 1 };

struct Rgb {
    int r, g, b;
};

struct Sums {
    float r, g, b;
};

// YCbCr to RGB in 13 fraction bits: offset of Y; factors of Y, of Cr in red, of Cb and Cr in green, of Cb in blue.
// Rows: BT.601 and BT.709, each in limited and in full range (Rec. ITU-R BT.601-7 and BT.709-6, section 3).
__device__ const int TO_RGB[4][6] = {
    {16, 9539, 13075, -3209, -6660, 16525},
    {0, 8192, 11485, -2819, -5850, 14516},
    {16, 9539, 14686, -1747, -4366, 17305},
    {0, 8192, 12901, -1534, -3835, 15201},
};

__device__ inline int to_byte(int value) { return value < 0 ? 0 : value > 255 ? 255 : value; }

struct Picture {
    const u8* luma;    // NV12: brightness; RGB8: the picture
    const u8* chroma;  // NV12: Cb Cr pairs, half as many rows and columns
    int width, height; // upright
    int pitch;         // bytes from row to row as stored, of both planes
    int layout, colour;
    int turn; // clockwise quarter turns that make it upright, and 4 where it is mirrored first

    __device__ explicit Picture(const i64* row)
        : luma((const u8*)row[LUMA]), chroma((const u8*)row[CHROMA]), width((int)row[WIDTH]),
          height((int)row[HEIGHT]), pitch((int)row[PITCH]), layout((int)row[LAYOUT]), colour((int)row[COLOUR]),
          turn((int)row[TURN]) {}

    // The pixel at x, y of the upright picture.
    __device__ Rgb at(int x, int y) const {
        int quarters = turn & 3;
        int column = quarters == 0 ? x : quarters == 1 ? y : quarters == 2 ? width - 1 - x : height - 1 - y;
        int line = quarters == 0 ? y : quarters == 1 ? width - 1 - x : quarters == 2 ? height - 1 - y : x;
        if (turn & 4) column = ((quarters & 1) ? height : width) - 1 - column;
        return layout == NV12 ? from_nv12(column, line) : from_rgb(column, line);
    }

  private:
    __device__ Rgb from_rgb(int column, int line) const {
        const u8* pixel = luma + (i64)line * pitch + column * 3;
        return Rgb{pixel[0], pixel[1], pixel[2]};
    }

    __device__ Rgb from_nv12(int column, int line) const {
        const int* k = TO_RGB[colour];
        const u8* pair = chroma + (i64)(line / 2) * pitch + (column / 2) * 2;
        int y = (k[1] * (luma[(i64)line * pitch + column] - k[0])) >> 13;
        int cb = pair[0] - 128, cr = pair[1] - 128;
        // Each product is cut off by itself, as FFmpeg does: rounding the sum would be brighter by a level.
        return Rgb{to_byte(y + ((k[2] * cr) >> 13)), to_byte(y + ((k[3] * cb) >> 13) + ((k[4] * cr) >> 13)),
                   to_byte(y + ((k[5] * cb) >> 13))};
    }
};

// A part of a picture.
struct Region {
    const Picture& picture;
    int left, top, width, height;

    __device__ Rgb at(int x, int y) const { return picture.at(left + x, top + y); }
};

// Which source pixels a target pixel covers along one axis, and how much of each: a first one in part, whole ones,
// a last one in part.
struct Cover {
    int begin, end;         // whole ones
    float head, body, tail; // weights; 0 where there is no such part

    __device__ Cover(int at, int source, int target) {
        double scale = 1.0 / ((double)target / source);
        double low = at * scale, high = low + scale;
        double span = source - low < scale ? source - low : scale;
        end = (int)floor(high);
        if (end > source - 1) end = source - 1;
        begin = (int)ceil(low);
        if (begin > end) begin = end;
        // OpenCV ignores what is thinner than a thousandth of a pixel.
        double after = high - end, before = begin - low;
        if (after > 1.0) after = 1.0;
        if (after > span) after = span;
        head = before > 1e-3 ? (float)(before / span) : 0.0f;
        tail = high - end > 1e-3 ? (float)(after / span) : 0.0f;
        body = (float)(1.0 / span);
    }

    __device__ int first() const { return head > 0.0f ? begin - 1 : begin; }
    __device__ int last() const { return tail > 0.0f ? end : end - 1; }
    __device__ float weight(int at) const { return at < begin ? head : at < end ? body : tail; }
};

__device__ inline int rounded(float value) { return to_byte((int)rintf(value)); }

// The mean over the area that pixel x, y of a target of this size covers. The target is not larger than the source.
template <class Source> __device__ Rgb area_mean(const Source& from, int x, int y, int width, int height) {
    if (from.width % width == 0 && from.height % height == 0) {
        int across = from.width / width, down = from.height / height;
        Rgb sum = {0, 0, 0};
        for (int line = y * down; line < (y + 1) * down; ++line)
            for (int column = x * across; column < (x + 1) * across; ++column) {
                Rgb one = from.at(column, line);
                sum.r += one.r, sum.g += one.g, sum.b += one.b;
            }
        if (across == 2 && down == 2) return Rgb{(sum.r + 2) >> 2, (sum.g + 2) >> 2, (sum.b + 2) >> 2};
        float part = 1.0f / (across * down);
        return Rgb{rounded(sum.r * part), rounded(sum.g * part), rounded(sum.b * part)};
    }
    Cover across(x, from.width, width), down(y, from.height, height);
    Sums sum = {0.0f, 0.0f, 0.0f};
    for (int line = down.first(); line <= down.last(); ++line) {
        Sums row = {0.0f, 0.0f, 0.0f};
        for (int column = across.first(); column <= across.last(); ++column) {
            Rgb one = from.at(column, line);
            float weight = across.weight(column);
            row.r += one.r * weight, row.g += one.g * weight, row.b += one.b * weight;
        }
        float weight = down.weight(line);
        sum.r += row.r * weight, sum.g += row.g * weight, sum.b += row.b * weight;
    }
    return Rgb{rounded(sum.r), rounded(sum.g), rounded(sum.b)};
}

// Two neighbours along one axis and their weights, which have 11 fraction bits.
struct Between {
    int low, high, low_weight, high_weight;

    // `stops`: at the edge the neighbour has no weight (OpenCV does so along rows); else it is the edge pixel again.
    __device__ Between(int at, int source, int target, bool stops) {
        double scale = 1.0 / ((double)target / source);
        float place = (float)((at + 0.5) * scale - 0.5);
        low = (int)floorf(place);
        float part = place - low;
        if (stops && (low < 0 || low >= source - 1)) part = 0.0f;
        low_weight = (int)rintf((1.0f - part) * 2048.0f);
        high_weight = (int)rintf(part * 2048.0f);
        high = low + 1 < 0 ? 0 : low + 1 > source - 1 ? source - 1 : low + 1;
        low = low < 0 ? 0 : low > source - 1 ? source - 1 : low;
    }

    __device__ int across(int left, int right) const { return left * low_weight + right * high_weight; }
    __device__ int down(int upper, int lower) const {
        return to_byte((((low_weight * (upper >> 4)) >> 16) + ((high_weight * (lower >> 4)) >> 16) + 2) >> 2);
    }
};

// Bilinear, in OpenCV's whole numbers.
template <class Source> __device__ Rgb bilinear(const Source& from, int x, int y, int width, int height) {
    // Half size exactly is averaged there too.
    if (from.width == 2 * width && from.height == 2 * height) return area_mean(from, x, y, width, height);
    Between columns(x, from.width, width, true), lines(y, from.height, height, false);
    Rgb a = from.at(columns.low, lines.low), b = from.at(columns.high, lines.low);
    Rgb c = from.at(columns.low, lines.high), d = from.at(columns.high, lines.high);
    return Rgb{lines.down(columns.across(a.r, b.r), columns.across(c.r, d.r)),
               lines.down(columns.across(a.g, b.g), columns.across(c.g, d.g)),
               lines.down(columns.across(a.b, b.b), columns.across(c.b, d.b))};
}

__device__ inline void store(u8* pixel, Rgb value) {
    pixel[0] = (u8)value.r;
    pixel[1] = (u8)value.g;
    pixel[2] = (u8)value.b;
}
