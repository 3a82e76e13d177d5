// Adamax (Kingma and Ba, 2015, algorithm 2) for one stretch of the parameters, as torch.optim.Adamax computes it:
// one pass through memory instead of eight. Gradients are left at 0.
#if defined(__CUDA_ARCH__)
enum { STRETCH = 1 };
#else
enum { STRETCH = 16384 };
#endif
const long long begin = (long long)index * STRETCH, left = adamax.count - begin;
const int size = left < STRETCH ? (int)left : STRETCH;
float *__restrict__ p = (float *)adamax.parameters + begin;
float *__restrict__ g = (float *)adamax.gradients + begin;
float *__restrict__ m = (float *)adamax.means + begin;
float *__restrict__ u = (float *)adamax.largest + begin;
const bool moves = adamax.permitted == 0 || *(const unsigned char *)adamax.permitted;
for (int i = 0; i < size && !moves; i++) g[i] = 0.0f;
for (int i = 0; i < size && moves; i++) {
    const float mean = m[i] + (1.0f - adamax.beta1) * (g[i] - m[i]);
    const float size_of = (g[i] < 0.0f ? -g[i] : g[i]) + adamax.epsilon, faded = adamax.beta2 * u[i];
    const float norm = faded > size_of ? faded : size_of;
    m[i] = mean;
    u[i] = norm;
    g[i] = 0.0f;
    p[i] -= adamax.rate * (mean / norm);
}
