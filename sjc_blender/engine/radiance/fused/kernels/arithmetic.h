// Arithmetic that a compiler turns into vectors, for all kernels.
//
// The same source is compiled for CPUs, where one call works through the samples of a ray in blocks, so that the
// loops over a block become vector instructions and memory is asked for ahead of its use, and for CUDA, where
// each thread has a ray and a block is one sample.
#if defined(__CUDA_ARCH__)
enum { BLOCK = 1, LANES = 1 };
#define PREFETCH(address, write)
#else
enum { BLOCK = 64, LANES = 16 };
#define PREFETCH(address, write) __builtin_prefetch(address, write)
#endif
// A loop over the first `size` of a block, and over what fills the last vector.
#define EACH_LANE(i, size) \
    for (int vector = 0; vector < (size); vector += LANES) \
        for (int i = vector; i < vector + LANES; i++)

struct Math {
    // 2^n for -126 <= n <= 127.
    static CUDA_CALLABLE WP_FORCEINLINE float power_of_two(int n) {
        union {
            int bits;
            float value;
        } word;
        word.bits = (n + 127) << 23;
        return word.value;
    }

    // x <= 0 as n log 2 + r with |r| <= log(2) / 2: gives exp(r) - 1, by the Taylor series to r^7, and `power` = 2^n. Below
    // -87 it stays there.
    static CUDA_CALLABLE WP_FORCEINLINE float reduced_expm1(float x, float &power) {
        x = x < -87.0f ? -87.0f : x;
        const float n = (float)(int)(x * 1.44269504f - 0.5f);
        const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
        power = power_of_two((int)n);
        float q = 1.0f / 5040.0f;
        q = q * r + 1.0f / 720.0f;
        q = q * r + 1.0f / 120.0f;
        q = q * r + 1.0f / 24.0f;
        q = q * r + 1.0f / 6.0f;
        q = q * r + 0.5f;
        return q * r * r + r;
    }

    // exp(x) - 1 for x <= 0, to 2e-7 of its value.
    static CUDA_CALLABLE WP_FORCEINLINE float expm1(float x) {
        float power;
        const float q = reduced_expm1(x, power);
        return power * q + (power - 1.0f);
    }

    // exp(x) for x <= 0.
    static CUDA_CALLABLE WP_FORCEINLINE float exp(float x) {
        float power;
        const float q = reduced_expm1(x, power);
        return power * (q + 1.0f);
    }

    // log(1 + u) for 0 <= u <= 1, to 1e-7 of its value: 2 artanh(s), s = u / (2 + u) <= 1 / 3.
    static CUDA_CALLABLE WP_FORCEINLINE float log1p(float u) {
        const float s = u / (2.0f + u), z = s * s;
        float p = 2.0f / 13.0f;
        p = p * z + 2.0f / 11.0f;
        p = p * z + 2.0f / 9.0f;
        p = p * z + 2.0f / 7.0f;
        p = p * z + 2.0f / 5.0f;
        p = p * z + 2.0f / 3.0f;
        return s * (p * z + 2.0f);
    }

    // log(x) for 1 <= x < 2^127.
    static CUDA_CALLABLE WP_FORCEINLINE float log(float x) {
        union {
            float value;
            int bits;
        } word;
        word.value = x;
        const int n = (word.bits >> 23) - 127;
        word.bits -= n << 23;
        return n * 0.693147181f + log1p(word.value - 1.0f);
    }

    static CUDA_CALLABLE WP_FORCEINLINE float softplus(float x) {
        const float u = exp(x < 0.0f ? x : -x);
        return (x > 0.0f ? x : 0.0f) + log1p(u);
    }

    static CUDA_CALLABLE WP_FORCEINLINE float sigmoid(float x) {
        const float u = exp(x < 0.0f ? x : -x);
        const float share = 1.0f / (1.0f + u);
        return x < 0.0f ? u * share : share;
    }
};
