// What the kernels use of CUDA, on a processor: the same source compiled by a C++ compiler runs thread after thread.
//
// Arithmetic and bounds are tested with it where there is no GPU. It knows no shared memory and no barriers, and
// the kernels use neither. Given to the compiler before the source (-include).
#pragma once
#include <cmath>
#include <utility>

#define __global__
#define __device__

struct Three {
    unsigned x, y, z;
};
static thread_local Three blockIdx, threadIdx, blockDim, gridDim;

static inline int atomicAdd(int* counter, int more) {
    int before = *counter;
    *counter += more;
    return before;
}

template <class... Arguments, std::size_t... At>
static void call(void (*kernel)(Arguments...), void** values, std::index_sequence<At...>) {
    kernel(*static_cast<std::remove_reference_t<Arguments>*>(values[At])...);
}

// Runs all threads of all blocks; `values` are addresses of the arguments, as cuLaunchKernel takes them.
template <class... Arguments>
static void run(void (*kernel)(Arguments...), const unsigned* grid, const unsigned* block, void** values) {
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    for (blockIdx.z = 0; blockIdx.z < grid[2]; ++blockIdx.z)
        for (blockIdx.y = 0; blockIdx.y < grid[1]; ++blockIdx.y)
            for (blockIdx.x = 0; blockIdx.x < grid[0]; ++blockIdx.x)
                for (threadIdx.z = 0; threadIdx.z < block[2]; ++threadIdx.z)
                    for (threadIdx.y = 0; threadIdx.y < block[1]; ++threadIdx.y)
                        for (threadIdx.x = 0; threadIdx.x < block[0]; ++threadIdx.x)
                            call(kernel, values, std::index_sequence_for<Arguments...>{});
}

#define HOST_KERNEL(name)                                                                                          \
    extern "C" void name##_on_host(const unsigned* grid, const unsigned* block, void** values) {                  \
        run(name, grid, block, values);                                                                            \
    }
