// Convolution as a matrix product whose left matrix does not exist.
//
// Lay the window that each output pixel sees out as a row, next to the others: convolution is the product of these rows and the weights.
//
//        the image, channels-last             rows: (N*OH*OW) x (KH*KW*C)          weights           y, channels-last
//        +---+---+---+---+                    tap 0,0    0,1    0,2    1,0 ..
//        | a | b | c | d |     window 0  ->   | a.... | b.... | c.... | e.... |     (KH*KW*C)         (N*OH*OW)
//        +---+---+---+---+     window 1  ->   | b.... | c.... | d.... | f.... |  x     x OC     =       x OC
//        | e | f | g | h |
//        +---+---+---+---+                    a.... : the C channels of pixel a, contiguous in memory
//
// That matrix (`kernels.conv2d.numpy_conv2d.im2col` makes it) is KH*KW times as large as the image. Here it stays a thought: a block that
// needs a slice of it, TILE_M rows by DEPTH columns, copies the pieces from where they are in the image; of pixels in the padding, zeros.
// The rest is the matrix product of gemm.cuh. The three maps of a convolution are three products:
//
//     conv2d_rows          y     rows of windows of x  x weights
//     conv2d_input_rows    gx    rows of windows of gy x weights          (each input pixel gathers from the output pixels that saw it)
//     conv2d_weight_parts  gw^T  rows of windows of x, transposed, x gy   (summed over all pixels: in parts, added by conv2d_weight_sum)
//
// With a stride s, the taps by which an input pixel was seen depend on its place modulo s: the pixels are treated in s*s classes, each a
// convolution of stride 1 with some of the taps. Nothing is multiplied by zeros that a stride put between pixels.
// compile with: TENSOR=1 TILE_M=128 TILE_N=128 ALIGNED=1
// compile with: TENSOR=1 TILE_M=64 TILE_N=64 ALIGNED=1
// compile with: TENSOR=1 TILE_M=128 TILE_N=32 ALIGNED=1
// compile with: TENSOR=1 TILE_M=64 TILE_N=64 ALIGNED=0
// compile with: TENSOR=0 TILE_M=128 TILE_N=128 ALIGNED=1
// compile with: TENSOR=0 TILE_M=64 TILE_N=64 ALIGNED=1
// compile with: TENSOR=0 TILE_M=128 TILE_N=32 ALIGNED=1
// compile with: TENSOR=0 TILE_M=64 TILE_N=64 ALIGNED=0
#include "gemm.cuh"

// --- the geometry of one axis

// Result first_result + q * result_step, q < results, sees `taps` source pixels: number t is first + q * step + t * tap, and its weight
// is at kernel_first + t * kernel_step of the kernel.
struct Axis {
    int results, first_result, result_step;
    int first, step, taps, tap;
    int kernel_first, kernel_step;
};

__device__ inline Axis forward_axis(int results, int kernel, int stride, int padding, int dilation)
{
    return {results, 0, 1, -padding, stride, kernel, dilation, 0, 1};
}

// Input pixel u was seen by output pixel h = (u + padding - i * dilation) / stride through tap i, where that is whole: for the pixels of a
// class, u = residue + q * stride, by every kernel_step-th tap.
__device__ inline Axis gradient_axis(int size, int kernel, int stride, int padding, int dilation, int residue)
{
    int first = 0, every = 1;
    while (first < kernel && (residue + padding - first * dilation) % stride != 0) ++first;
    while (every * dilation % stride != 0) ++every;
    int results = residue < size ? (size - residue - 1) / stride + 1 : 0;
    int taps = first < kernel ? (kernel - 1 - first) / every + 1 : 0;
    return {results, residue, stride, (residue + padding - first * dilation) / stride, 1, taps, -(every * dilation / stride), first, every};
}

// A position along K: channel c of tap (i, j).
struct Tap {
    int i, j, c;
    __device__ void advance(int count, int C, int taps_w)
    {
        c += count;
        while (c >= C) {
            c -= C;
            if (++j == taps_w) j = 0, ++i;
        }
    }
};

// --- y and gx

// A: windows of an image (N, H, W, C). B: weights (columns, KH, KW, CG). CG channels of the image belong to the group.
struct WindowsByWeights {
    static const Layout LAYOUT_A = ALONG_K, LAYOUT_B = ALONG_K;
    typedef Share<TILE_M, LAYOUT_A> ShareA;
    typedef Share<TILE_N, LAYOUT_B> ShareB;

    int H, W, CG, KW, columns;  // columns: how many from the tile's first one on
    Index C;
    Axis vertical, horizontal;
    // For each of this thread's lines of A: the first pixel of the window, and its place in memory, which may lie outside of the image.
    int h[ShareA::COUNT], w[ShareA::COUNT];
    const Real* window[ShareA::COUNT];
    const Real* weight;  // this thread's first line of B
    Index to_next;       // from there to its next line
    Tap tap;             // of the pack to be copied next, the same for all lines

    // The tile begins at row `first` of N * vertical.results * horizontal.results; the weights of its first column are at `tile_weight`.
    __device__ void begin_at(Index first, Index N, const Real* image, const Real* tile_weight, Index weight_pitch)
    {
        weight = tile_weight + ShareB::line(0) * weight_pitch;
        to_next = ShareB::STEP * weight_pitch;
        int Q = vertical.results, R = horizontal.results;
        Index image_first = first / ((Index)Q * R), pixel_first = first % ((Index)Q * R);
#pragma unroll
        for (int i = 0; i < ShareA::COUNT; ++i) {
            Index pixel = pixel_first + ShareA::line(i), n = image_first + pixel / ((Index)Q * R);
            pixel %= (Index)Q * R;
            w[i] = horizontal.first + (int)(pixel % R) * horizontal.step;
            h[i] = vertical.first + (int)(pixel / R) * vertical.step;
            window[i] = image + ((n * H + h[i]) * W + w[i]) * C;
            if (n >= N || !ShareA::has(i)) h[i] = -(1 << 30);  // never inside
        }
        tap = {0, 0, 0};
        if (horizontal.taps) tap.advance(ShareA::place(), CG, horizontal.taps);
    }

    __device__ void load(Real* slice_a, Real* slice_b)
    {
#pragma unroll
        for (int e = 0; e < PACK; e += COPIED) {
            bool there = tap.i < vertical.taps;
            int down = tap.i * vertical.tap, right = tap.j * horizontal.tap;
            Index offset = ((Index)down * W + right) * C + tap.c;
#pragma unroll
            for (int i = 0; i < ShareA::COUNT; ++i)
                if (ShareA::has(i)) {
                    bool inside = there && (unsigned)(h[i] + down) < (unsigned)H && (unsigned)(w[i] + right) < (unsigned)W;
                    copy_numbers(ShareA::in(slice_a, i) + e, window[i] + offset, inside);
                }
            int ki = vertical.kernel_first + tap.i * vertical.kernel_step, kj = horizontal.kernel_first + tap.j * horizontal.kernel_step;
            const Real* from = weight + ((Index)ki * KW + kj) * CG + tap.c;
#pragma unroll
            for (int i = 0; i < ShareB::COUNT; ++i, from += to_next)
                if (ShareB::has(i)) copy_numbers(ShareB::in(slice_b, i) + e, from, there && ShareB::line(i) < columns);
            tap.advance(COPIED, CG, horizontal.taps);
        }
        tap.advance(DEPTH - PACK, CG, horizontal.taps);
    }

    __device__ Index slices() const { return ((Index)vertical.taps * horizontal.taps * CG + DEPTH - 1) / DEPTH; }
};

// Rows are the pixels of a result (N, H, W, C).
struct Pixels : Line<Real> {
    Index N, first;
    int H, W;
    Index C;
    Axis vertical, horizontal;

    __device__ Index row(int line) const
    {
        Index pixel = first + line, R = horizontal.results, Q = vertical.results;
        Index w = horizontal.first_result + pixel % R * horizontal.result_step;
        pixel /= R;
        Index h = vertical.first_result + pixel % Q * vertical.result_step, n = pixel / Q;
        return n < N ? ((n * H + h) * W + w) * C : -1;
    }
};

// One tile of a result (N, RH, RW, RC) from an image (N, H, W, C), both of `groups` groups; `number` counts tiles and groups.
__device__ void convolve(
    const Real* image, const Real* weight, const Real* bias, Real* result, Index number, Axis vertical, Axis horizontal,
    Index N, int H, int W, Index C, int RH, int RW, Index RC, int KH, int KW, int groups)
{
    int CG = (int)(C / groups), RCG = (int)(RC / groups);
    int column = (int)take_digit(number, (RCG + TILE_N - 1) / TILE_N) * TILE_N;
    int group = (int)take_digit(number, groups);
    Index row = number * TILE_M;
    if (row >= N * vertical.results * horizontal.results) return;  // a class of fewer pixels than others

    WindowsByWeights source;
    source.H = H, source.W = W, source.C = C, source.CG = CG, source.KW = KW, source.columns = RCG - column;
    source.vertical = vertical, source.horizontal = horizontal;
    Index weight_pitch = (Index)KH * KW * CG;
    source.begin_at(row, N, image + (Index)group * CG, weight + ((Index)group * RCG + column) * weight_pitch, weight_pitch);

    Pixels target;
    Index channel = (Index)group * RCG + column;
    target.values = result + channel;
    target.bias = bias ? bias + channel : nullptr;
    target.columns = RCG - column;
    target.paired = RC % 2 == 0 && RCG % 2 == 0;
    target.N = N, target.first = row, target.H = RH, target.W = RW, target.C = RC;
    target.vertical = vertical, target.horizontal = horizontal;

    multiply_tiles(source, source.slices(), target);
}

// x (N, H, W, C), weight (OC, KH, KW, C/groups), bias (OC) or null -> y (N, OH, OW, OC)
// A block for each tile of rows, times groups, times tiles of columns: these run side by side, and share their rows.
KERNEL __launch_bounds__(GEMM_THREADS, GEMM_BLOCKS) conv2d_rows(
    const Real* x, const Real* weight, const Real* bias, Real* y, Index N, Index H, Index W, Index C, Index OH, Index OW, Index OC,
    Index KH, Index KW, Index stride_h, Index stride_w, Index padding_h, Index padding_w, Index dilation_h, Index dilation_w, Index groups)
{
    Axis vertical = forward_axis((int)OH, (int)KH, (int)stride_h, (int)padding_h, (int)dilation_h);
    Axis horizontal = forward_axis((int)OW, (int)KW, (int)stride_w, (int)padding_w, (int)dilation_w);
    convolve(x, weight, bias, y, blockIdx.x, vertical, horizontal,
             N, (int)H, (int)W, C, (int)OH, (int)OW, OC, (int)KH, (int)KW, (int)groups);
}

// gy (N, OH, OW, OC), weight (C, KH, KW, OC/groups) -> gx (N, H, W, C)
// As above, times the classes of pixels, of which there are min(stride, size) along each axis.
KERNEL __launch_bounds__(GEMM_THREADS, GEMM_BLOCKS) conv2d_input_rows(
    const Real* gy, const Real* weight, Real* gx, Index N, Index H, Index W, Index C, Index OH, Index OW, Index OC,
    Index KH, Index KW, Index stride_h, Index stride_w, Index padding_h, Index padding_w, Index dilation_h, Index dilation_w, Index groups)
{
    Index number = blockIdx.x;
    int residue_h = (int)take_digit(number, min(stride_h, H)), residue_w = (int)take_digit(number, min(stride_w, W));
    Axis vertical = gradient_axis((int)H, (int)KH, (int)stride_h, (int)padding_h, (int)dilation_h, residue_h);
    Axis horizontal = gradient_axis((int)W, (int)KW, (int)stride_w, (int)padding_w, (int)dilation_w, residue_w);
    if (!vertical.taps || !horizontal.taps) vertical.taps = horizontal.taps = 0;  // seen by nobody: zeros
    convolve(gy, weight, nullptr, gx, number, vertical, horizontal,
             N, (int)OH, (int)OW, OC, (int)H, (int)W, C, (int)KH, (int)KW, (int)groups);
}

// --- gw

// A: windows of x (N, H, W, C), transposed: a column for each output pixel. B: gy (pixels, OC). K counts output pixels, `pixel` to `end`.
struct WindowsByGradient {
    static const Layout LAYOUT_A = ACROSS_K, LAYOUT_B = ACROSS_K;
    typedef Share<TILE_M, LAYOUT_A> ShareA;
    typedef Share<TILE_N, LAYOUT_B> ShareB;

    int H, W, CG, KW, rows, columns;  // rows, columns: how many from the tile's first ones on
    int stride_h, stride_w, padding_h, padding_w, dilation_h, dilation_w;
    Index C, pixel, end;
    // For each of this thread's lines of A: where its window would begin without padding, in the image and in memory.
    int h[ShareA::COUNT], w[ShareA::COUNT];
    const Real* window[ShareA::COUNT];
    Tap tap;                            // of this thread's packs of A, the same for all lines
    const Real* gradient;               // this thread's first line of B
    Index to_next, to_slice;            // from there to its next line, and to the next slice
    int end_h, end_w, more_h, more_w;   // where an image ends and a row; how far on windows are in the next slice
    Index more, new_row, new_image;     // the same in memory; and what it takes to begin a row, an image

    // The tile begins at row `first` of KH * KW * CG, and at the column of gy (N, OH, OW, OC) that begins at `column`.
    __device__ void begin_at(int first, const Real* x, const Real* column, int OH, int OW, Index OC)
    {
        end_h = OH * stride_h, end_w = OW * stride_w;
        more_h = DEPTH / OW % OH * stride_h, more_w = DEPTH % OW * stride_w;
        more = (((Index)(DEPTH / OW / OH) * H + more_h) * W + more_w) * C;
        new_row = ((Index)stride_h * W - end_w) * C, new_image = (Index)(H - end_h) * W * C;
#pragma unroll
        for (int i = 0; i < ShareA::COUNT; ++i) {
            Index n = pixel + ShareA::line(i);
            w[i] = (int)take_digit(n, OW) * stride_w;
            h[i] = (int)take_digit(n, OH) * stride_h;
            window[i] = x + ((n * H + h[i]) * W + w[i]) * C;
        }
        int row = first + ShareA::place();
        tap = {row / CG / KW, row / CG % KW, row % CG};
        gradient = column + (pixel + ShareB::line(0)) * OC + ShareB::place();
        to_next = ShareB::STEP * OC, to_slice = DEPTH * OC;
    }

    __device__ void load(Real* slice_a, Real* slice_b)
    {
        int left = (int)min(end - pixel, (Index)DEPTH);
        Tap now = tap;
#pragma unroll
        for (int e = 0; e < PACK; e += COPIED) {
            bool there = ShareA::place() + e < rows;
            int down = now.i * dilation_h - padding_h, right = now.j * dilation_w - padding_w;
            Index offset = ((Index)down * W + right) * C + now.c;
#pragma unroll
            for (int i = 0; i < ShareA::COUNT; ++i)
                if (ShareA::has(i)) {
                    bool inside = (unsigned)(h[i] + down) < (unsigned)H && (unsigned)(w[i] + right) < (unsigned)W;
                    copy_numbers(ShareA::in(slice_a, i) + e, window[i] + offset, there && ShareA::line(i) < left && inside);
                }
            now.advance(COPIED, CG, KW);
        }
        const Real* from = gradient;
#pragma unroll
        for (int i = 0; i < ShareB::COUNT; ++i, from += to_next)
            if (ShareB::has(i))
#pragma unroll
                for (int e = 0; e < PACK; e += COPIED)
                    copy_numbers(ShareB::in(slice_b, i) + e, from + e, ShareB::line(i) < left && ShareB::place() + e < columns);
        next_slice();
    }

    __device__ void next_slice()
    {
        pixel += DEPTH;
        gradient += to_slice;
#pragma unroll
        for (int i = 0; i < ShareA::COUNT; ++i) {
            w[i] += more_w, h[i] += more_h, window[i] += more;
            if (w[i] >= end_w) w[i] -= end_w, h[i] += stride_h, window[i] += new_row;
            if (h[i] >= end_h) h[i] -= end_h, window[i] += new_image;
        }
    }
};

// Rows are those of a matrix.
struct MatrixRows : Line<Wide> {
    int rows;
    Index pitch;
    __device__ Index row(int line) const { return line < rows ? line * pitch : -1; }
};

// x (N, H, W, C), gy (N, OH, OW, OC) -> partial (parts, groups, KH, KW, C/groups, OC/groups), each part the sum of `stretch` output pixels.
// A block for each part, times groups, times tiles of rows (taps and input channels), times tiles of columns (output channels).
KERNEL __launch_bounds__(GEMM_THREADS, GEMM_BLOCKS) conv2d_weight_parts(
    const Real* x, const Real* gy, Wide* partial, Index stretch, Index N, Index H, Index W, Index C, Index OH, Index OW, Index OC,
    Index KH, Index KW, Index stride_h, Index stride_w, Index padding_h, Index padding_w, Index dilation_h, Index dilation_w, Index groups)
{
    Index number = blockIdx.x;
    int CG = (int)(C / groups), OCG = (int)(OC / groups), length = (int)(KH * KW) * CG;
    int column = (int)take_digit(number, (OCG + TILE_N - 1) / TILE_N) * TILE_N;
    int row = (int)take_digit(number, (length + TILE_M - 1) / TILE_M) * TILE_M;
    Index group = take_digit(number, groups), part = number;

    WindowsByGradient source;
    source.H = (int)H, source.W = (int)W, source.CG = CG, source.KW = (int)KW, source.C = C;
    source.rows = length - row, source.columns = OCG - column;
    source.stride_h = (int)stride_h, source.stride_w = (int)stride_w, source.padding_h = (int)padding_h, source.padding_w = (int)padding_w;
    source.dilation_h = (int)dilation_h, source.dilation_w = (int)dilation_w;
    source.pixel = part * stretch, source.end = min(source.pixel + stretch, N * OH * OW);
    source.begin_at(row, x + group * CG, gy + group * OCG + column, (int)OH, (int)OW, OC);

    MatrixRows target;
    target.values = partial + ((part * groups + group) * length + row) * OCG + column;
    target.bias = nullptr;
    target.rows = length - row, target.columns = OCG - column, target.pitch = OCG;
    target.paired = OCG % 2 == 0;

    multiply_tiles(source, (max(source.end - source.pixel, (Index)0) + DEPTH - 1) / DEPTH, target);
}

// partial (parts, groups, taps, CG, OCG) -> gw (groups * OCG, CG, taps), always in the same order: every run gives the same bits.
KERNEL conv2d_weight_sum(const Wide* partial, Real* gw, Index parts, Index groups, Index taps, Index CG, Index OCG)
{
    Index count = groups * taps * CG * OCG;
    FOR_EACH(at, count) {
        Wide sum = 0;
        for (Index part = 0; part < parts; ++part) sum += partial[part * count + at];
        Index group = at, o = take_digit(group, OCG), c = take_digit(group, CG), tap = take_digit(group, taps);
        gw[((group * OCG + o) * CG + c) * taps + tap] = Real(sum);
    }
}
