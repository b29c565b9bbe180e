// One update of all parameters of a model, in one launch.
//
// A model has many arrays, most of them small: a launch for each would take longer than the arithmetic. So the arrays are handed over as
// a table of their addresses, a line (p, what the rule keeps ..., g) for each parameter, 0 for an array that is not kept. All
// parameters together are cut into chunks, each a part of one parameter, and every block updates one chunk.
//
// What a rule is told, the learning rate for instance, is a table in memory too, a line of numbers for each parameter: the launch can be
// recorded in a CUDA graph, and go on with other numbers, which somebody writes into the table before the graph runs again.
//
// A rule is a struct: its fields are the numbers of a line, in their order (kernels/optimizer/rows.py); `step` updates one element. Of
// kept arrays that are not there, `has` says so. The formulas with their sources: kernels/optimizer/__init__.py.
#include "elementwise.cuh"

struct Rule {  // what nearly all have: the sign of the gradient, weight decay, and the factor by which p shrinks apart from the gradient
    Wide sign, decay, shrink;
    __device__ Wide direction(Wide p, Wide g) const { return sign * g + decay * p; }
};

struct Sgd {
    static const int KEPT = 1;  // the momentum buffer, where there is one
    Wide sign, decay, momentum, gain, now, past, fresh;
    __device__ void step(Wide& p, Wide* kept, const bool* has, Wide g, Wide) const
    {
        Wide d = sign * g + decay * p, &v = kept[0];
        if (has[0]) {
            v = (fresh != 0 ? Wide(0) : momentum * v) + gain * d;  // a fresh buffer may hold anything
            p -= now * d + past * v;
        } else {
            p -= now * d;
        }
    }
};

struct Adam : Rule {
    static const int KEPT = 3;  // m, v, and the largest v where it is kept
    Wide rate1, beta2, rate2, eps, lr, root;
    __device__ void step(Wide& p, Wide* kept, const bool* has, Wide g, Wide) const
    {
        Wide d = direction(p, g), &m = kept[0], &v = kept[1], &largest = kept[2];
        m += rate1 * (d - m);
        v = beta2 * v + rate2 * d * d;
        if (has[2] && !(v <= largest) && largest == largest) largest = v;  // a NaN comes in, and stays
        p = p * shrink - lr * m / (sqrt(has[2] ? largest : v) * root + eps);
    }
};

struct Rmsprop : Rule {
    static const int KEPT = 3;  // v, and where they are kept the mean and the momentum buffer
    Wide lr, alpha, rate, eps, momentum;
    __device__ void step(Wide& p, Wide* kept, const bool* has, Wide g, Wide) const
    {
        Wide d = direction(p, g), &v = kept[0], &mean = kept[1], &buffer = kept[2];
        v = alpha * v + rate * d * d;
        Wide variance = v;
        if (has[1]) {
            mean += rate * (d - mean);
            variance -= mean * mean;
        }
        Wide move = d / (sqrt(variance) + eps);
        if (has[2]) buffer = move += momentum * buffer;
        p = p * shrink - lr * move;
    }
};

struct Adagrad : Rule {
    static const int KEPT = 1;
    Wide lr, eps;
    __device__ void step(Wide& p, Wide* kept, const bool*, Wide g, Wide) const
    {
        Wide d = direction(p, g), &total = kept[0];
        total += d * d;
        p = p * shrink - lr * d / (sqrt(total) + eps);
    }
};

struct Adadelta : Rule {
    static const int KEPT = 2;
    Wide lr, rho, rate, eps;
    __device__ void step(Wide& p, Wide* kept, const bool*, Wide g, Wide) const
    {
        Wide d = direction(p, g), &v = kept[0], &u = kept[1];
        v = rho * v + rate * d * d;
        Wide move = sqrt(u + eps) / sqrt(v + eps) * d;
        u = rho * u + rate * move * move;
        p = p * shrink - lr * move;
    }
};

struct Adamax : Rule {
    static const int KEPT = 2;
    Wide lr, beta1, rate1, beta2, rate2, eps;
    __device__ void step(Wide& p, Wide* kept, const bool*, Wide g, Wide) const
    {
        Wide d = direction(p, g), &m = kept[0], &u = kept[1];
        m += rate1 * (d - m);
        Wide faded = beta2 * u, now = fabs(d) + eps;
        u = now >= faded || now != now ? now : faded;  // a NaN stays, on either side
        p = p * shrink - lr * m / u;
    }
};

struct Moments : Rule {  // of Adam's nearest relatives
    __device__ static void update(Wide& m, Wide& v, Wide d, Wide rate1, Wide beta2, Wide rate2)
    {
        m += rate1 * (d - m);
        v = beta2 * v + rate2 * d * d;
    }
};

struct Nadam : Moments {
    static const int KEPT = 2;
    Wide lr, lr_now, beta1, rate1, beta2, rate2, correction, eps;
    __device__ void step(Wide& p, Wide* kept, const bool*, Wide g, Wide) const
    {
        Wide d = direction(p, g);
        update(kept[0], kept[1], d, rate1, beta2, rate2);
        p = p * shrink - (lr * kept[0] + lr_now * d) / (sqrt(kept[1] / correction) + eps);
    }
};

struct Radam : Moments {
    static const int KEPT = 2;
    Wide lr, beta1, rate1, beta2, rate2, adaptive, eps;
    __device__ void step(Wide& p, Wide* kept, const bool*, Wide g, Wide) const
    {
        update(kept[0], kept[1], direction(p, g), rate1, beta2, rate2);
        p = p * shrink - lr * kept[0] / (adaptive != 0 ? sqrt(kept[1]) + eps : Wide(1));
    }
};

struct Rprop : Rule {
    static const int KEPT = 2;  // the gradient before, the step sizes
    Wide shorter, longer, shortest, longest;
    __device__ void step(Wide& p, Wide* kept, const bool*, Wide g, Wide) const
    {
        Wide d = direction(p, g), agreement = d * kept[0];
        // Where agreement is neither, it is 0, or NaN, which stays.
        Wide size = kept[1] * (agreement > 0 ? longer : agreement < 0 ? shorter : 1 + agreement);
        size = size < shortest ? shortest : size > longest ? longest : size;
        d = agreement < 0 ? Wide(0) : d;
        kept[0] = d;
        kept[1] = size;
        p = p * shrink - (d > 0 ? size : d < 0 ? -size : d * size);
    }
};

struct Asgd : Rule {
    static const int KEPT = 1;
    Wide lr, mu;
    __device__ void step(Wide& p, Wide* kept, const bool*, Wide g, Wide) const
    {
        p = p * shrink - lr * direction(p, g);
        kept[0] += mu * (p - kept[0]);
    }
};

struct Lars : Rule {
    static const int KEPT = 1;  // the momentum buffer, where there is one
    Wide lr, momentum;
    __device__ void step(Wide& p, Wide* kept, const bool* has, Wide g, Wide factor) const
    {
        Wide move = lr * factor * direction(p, g);
        if (has[0]) kept[0] = move += momentum * kept[0];
        p = p * shrink - move;
    }
};

struct Lamb : Moments {
    static const int KEPT = 3;  // m, v, the update
    Wide beta1, rate1, beta2, rate2, correction1, correction2, eps, decoupled;
    __device__ void step(Wide& p, Wide* kept, const bool*, Wide g, Wide) const
    {
        update(kept[0], kept[1], direction(p, g), rate1, beta2, rate2);
        p *= shrink;
        kept[2] = kept[0] / correction1 / (sqrt(kept[1] / correction2) + eps) + decoupled * p;
    }
};

// Element i of all arrays of a line that are there, updated. Pack: one element, or as many as fill the widest load.
template <class R, int N> __device__ void update_elements(const R& rule, Real* const* arrays, const bool* has, Index i, Wide factor)
{
    const int ALL = R::KEPT + 2, G = R::KEPT + 1;
    Pack<N> values[ALL] = {};
#pragma unroll
    for (int k = 0; k < ALL; ++k)
        if (arrays[k]) values[k] = *(const Pack<N>*)(arrays[k] + i);
#pragma unroll
    for (int j = 0; j < N; ++j) {
        Wide p = values[0].at[j], kept[R::KEPT];
#pragma unroll
        for (int k = 0; k < R::KEPT; ++k) kept[k] = values[1 + k].at[j];
        rule.step(p, kept, has, values[G].at[j], factor);
        values[0].at[j] = Real(p);
#pragma unroll
        for (int k = 0; k < R::KEPT; ++k) values[1 + k].at[j] = Real(kept[k]);
    }
#pragma unroll
    for (int k = 0; k < G; ++k)
        if (arrays[k]) *(Pack<N>*)(arrays[k] + i) = values[k];
}

// chunks: (owner, start, size) of the chunk of each block. factors: for each parameter, of Lars' learning rate, or null. skip: a number
// that says, where it is not 0, that nothing shall be updated, or null.
template <class R>
__device__ void update(const Index* addresses, const Wide* numbers, const Index* chunks, const double* factors, const Index* skip)
{
    if (skip && *skip) return;
    const int ALL = R::KEPT + 2;
    Index owner = chunks[3 * blockIdx.x], start = chunks[3 * blockIdx.x + 1], size = chunks[3 * blockIdx.x + 2];
    R rule = ((const R*)numbers)[owner];
    Wide factor = factors ? Wide(factors[owner]) : Wide(1);
    Real* arrays[ALL];
    bool has[R::KEPT], aligned = true;
#pragma unroll
    for (int k = 0; k < ALL; ++k) {
        Real* begin = (Real*)addresses[owner * ALL + k];
        arrays[k] = begin ? begin + start : begin;
        aligned = aligned && on_16_bytes(arrays[k]);
        if (k > 0 && k <= R::KEPT) has[k - 1] = begin != 0;
    }
    Index packs = aligned ? size / PACK : 0;
    for (Index i = threadIdx.x; i < packs; i += blockDim.x) update_elements<R, PACK>(rule, arrays, has, i * PACK, factor);
    for (Index i = packs * PACK + threadIdx.x; i < size; i += blockDim.x) update_elements<R, 1>(rule, arrays, has, i, factor);
}

#define TABLES const Index *addresses, const Wide *numbers, const Index *chunks, const double *factors, const Index *skip

KERNEL sgd_update(TABLES) { update<Sgd>(addresses, numbers, chunks, factors, skip); }
KERNEL adam_update(TABLES) { update<Adam>(addresses, numbers, chunks, factors, skip); }
KERNEL rmsprop_update(TABLES) { update<Rmsprop>(addresses, numbers, chunks, factors, skip); }
KERNEL adagrad_update(TABLES) { update<Adagrad>(addresses, numbers, chunks, factors, skip); }
KERNEL adadelta_update(TABLES) { update<Adadelta>(addresses, numbers, chunks, factors, skip); }
KERNEL adamax_update(TABLES) { update<Adamax>(addresses, numbers, chunks, factors, skip); }
KERNEL nadam_update(TABLES) { update<Nadam>(addresses, numbers, chunks, factors, skip); }
KERNEL radam_update(TABLES) { update<Radam>(addresses, numbers, chunks, factors, skip); }
KERNEL rprop_update(TABLES) { update<Rprop>(addresses, numbers, chunks, factors, skip); }
KERNEL asgd_update(TABLES) { update<Asgd>(addresses, numbers, chunks, factors, skip); }
KERNEL lars_update(TABLES) { update<Lars>(addresses, numbers, chunks, factors, skip); }
KERNEL lamb_update(TABLES) { update<Lamb>(addresses, numbers, chunks, factors, skip); }
