// Random numbers by Philox 4x64-10 (Salmon et al. 2011): ten rounds of multiplications scramble a counter of four words, under a key of two,
// into four words of random bits. No number depends on another, so each thread makes its own counter, and writes the numbers of one block
// of four words: eight float32 or four float64, the same as NumPy's generator gives.
//
// A product of 64-bit words has 128 bits: __umul64hi is the upper half. On a GPU a 64-bit product is made of some ten 32-bit ones, which
// makes this kernel slower than the writing of its numbers: the price of having the very numbers that the CPU has.
#include "types.cuh"

typedef unsigned long long Word;

const int FROM_A_WORD = 8 / sizeof(Real);  // numbers made of one word: two float32, of 24 bits each, or one float64, of 53
const int FROM_A_BLOCK = 4 * FROM_A_WORD;

struct Counter {
    Word word[4];
};

__device__ inline Counter scrambled(Counter c, Word key0, Word key1)
{
    const Word M0 = 0xD2E7470EE14C6C93ull, M1 = 0xCA5A826395121157ull;  // multipliers, and what is added to the key from round to round
    const Word W0 = 0x9E3779B97F4A7C15ull, W1 = 0xBB67AE8584CAA73Bull;
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        Word high0 = __umul64hi(M0, c.word[0]), high1 = __umul64hi(M1, c.word[2]);
        c = {{high1 ^ c.word[1] ^ key0, M1 * c.word[2], high0 ^ c.word[3] ^ key1, M0 * c.word[0]}};
        key0 += W0, key1 += W1;
    }
    return c;
}

// Number `part` of a word, in [0, 1): of float32 the lower half of the word comes first, and the upper bits of a half are used.
__device__ inline Real number(Word word, int part)
{
    if (FROM_A_WORD == 1) return Real((Wide)((double)(word >> 11) * (1.0 / 9007199254740992.0)));  // 2^-53
    return Real((Wide)((float)((unsigned)(word >> 32 * part) >> 8) * (1.0f / 16777216.0f)));        // 2^-24
}

// place (seed, epoch, step) -> y (N).
KERNEL philox_uniform(const Word* place, Real* y, Index N, Index stream, Index draw)
{
    Word seed = place[0], epoch = place[1], step = place[2];
    FOR_EACH(block, (N + FROM_A_BLOCK - 1) / FROM_A_BLOCK) {
        // NumPy counts before it scrambles: its first block is number 1.
        Counter bits = scrambled({{(Word)block + 1, (Word)draw, step, epoch}}, seed, (Word)stream);
        Real numbers[FROM_A_BLOCK];
#pragma unroll
        for (int i = 0; i < FROM_A_BLOCK; ++i) numbers[i] = number(bits.word[i / FROM_A_WORD], i % FROM_A_WORD);
        Index begin = block * FROM_A_BLOCK;
        if (begin + FROM_A_BLOCK <= N) {
#pragma unroll
            for (int i = 0; i < FROM_A_BLOCK; i += PACK) {
                Pack<PACK> pack;
                for (int j = 0; j < PACK; ++j) pack.at[j] = numbers[i + j];
                *(Pack<PACK>*)(y + begin + i) = pack;
            }
        } else {
#pragma unroll
            for (int i = 0; i < FROM_A_BLOCK; ++i)
                if (begin + i < N) y[begin + i] = numbers[i];
        }
    }
}

// One thread.
KERNEL philox_place(Word* place, Index seed, Index epoch, Index step)
{
    place[0] = (Word)seed, place[1] = (Word)epoch, place[2] = (Word)step;
}
