// Adamax (Kingma and Ba, 2015, algorithm 2) for one stretch of the parameters, as torch.optim.Adamax computes it:
// one pass through memory instead of eight. Gradients are left at 0.
//
// Memory is what it waits for. Where there is no gradient and none was for hundreds of steps, as in most of the features of
// a field with an object in it, parameters stay where they are, and only `largest` fades.
#if defined(__CUDA_ARCH__)
enum { STRETCH = 1, LINE = 1 };
#else
enum { STRETCH = 16384, LINE = 64 };
#endif

struct Step {
    // `width` parameters p with gradients g, means m and largest gradients u.
    static CUDA_CALLABLE WP_FORCEINLINE void move(float *__restrict__ p, float *__restrict__ g, float *__restrict__ m,
                                                  float *__restrict__ u, int width, bool moves, float rate, float keep,
                                                  float beta2, float epsilon) {
        const float still = 1e-36f;  // such a mean moves no float32 that is worth one
        int touched = 0, moving = 0;
        for (int i = 0; i < width; i++) touched |= g[i] != 0.0f;
        for (int i = 0; i < width; i++) moving |= !(m[i] < still && m[i] > -still);
        if (!moves) {
            for (int i = 0; i < width; i++) g[i] = 0.0f;
        } else if (touched || moving) {
            for (int i = 0; i < width; i++) {
                const float mean = m[i] + keep * (g[i] - m[i]);
                const float size_of = (g[i] < 0.0f ? -g[i] : g[i]) + epsilon, faded = beta2 * u[i];
                const float norm = faded > size_of ? faded : size_of;
                m[i] = mean;
                u[i] = norm;
                p[i] -= rate * (mean / norm);
            }
            if (touched)  // what is not written need not go back to memory
                for (int i = 0; i < width; i++) g[i] = 0.0f;
        } else {
            for (int i = 0; i < width; i++) {
                const float faded = beta2 * u[i];
                u[i] = faded > epsilon ? faded : epsilon;
            }
        }
    }
};

const bool moves = adamax.permitted == 0 || *(const unsigned char *)adamax.permitted;
const float rate = adamax.rate, keep = 1.0f - adamax.beta1, beta2 = adamax.beta2, epsilon = adamax.epsilon;
const long long begin = (long long)index * STRETCH, left = adamax.count - begin;
const int size = left < STRETCH ? (int)left : STRETCH;
float *p = (float *)adamax.parameters + begin, *g = (float *)adamax.gradients + begin;
float *m = (float *)adamax.means + begin, *u = (float *)adamax.largest + begin;
int i = 0;
for (; i + LINE <= size; i += LINE) Step::move(p + i, g + i, m + i, u + i, LINE, moves, rate, keep, beta2, epsilon);
Step::move(p + i, g + i, m + i, u + i, size - i, moves, rate, keep, beta2, epsilon);
