// One ray: interpolated densities `raws`, weights w = (1 - exp(-tau)) exp(-sum of the tau before), and the sums along
// the ray of w f (`images`), of w t (`depths`) and of log(1 + scale w) (`log_sums`); `passed` is the transmittance at its
// end.
const float *__restrict__ density = (const float *)march.density_grid;
const float *__restrict__ features = (const float *)march.feature_grid;
float *__restrict__ raw = (float *)march.raws + (long long)index * samples;
float *__restrict__ weight = (float *)march.weights + (long long)index * samples;

Features image = Features::zero();
float depth = 0.0f, before = 0.0f, log_sum = 0.0f;
int count = 0;
while (count < ray.count && before < OPAQUE) {
    const int start = count;
    const int size = ray.count - start < BLOCK ? ray.count - start : BLOCK;
    float x[BLOCK], tau[BLOCK], distance[BLOCK], depths_before[BLOCK], w[BLOCK], fx[BLOCK], fy[BLOCK], fz[BLOCK];
    int cell[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        distance[i] = ray.distance(start + i);
        x[i] = 0.0f;
        cell[i] = cells.lowest(ray, distance[i], fx[i], fy[i], fz[i]);
    }
    for (int i = 0; i < size; i++) {
        const float *at = density + cell[i];
        PREFETCH(at, 0);
        PREFETCH(at + sy, 0);
        PREFETCH(at + sx, 0);
        PREFETCH(at + sx + sy, 0);
    }
    for (int i = 0; i < size; i++) x[i] = LookUp::density(density + cell[i], sx, sy, sz, fx[i], fy[i], fz[i]);
    for (int i = 0; i < size; i++) {
        const float *at = features + CHANNELS * (long long)cell[i];
        PREFETCH(at, 0);
        PREFETCH(at + CHANNELS * sy, 0);
        PREFETCH(at + CHANNELS * sx, 0);
        PREFETCH(at + CHANNELS * (sx + sy), 0);
    }
    for (int i = 0; i < size; i++) raw[start + i] = x[i];
    for (int i = 0; i < BLOCK; i++) tau[i] = Math::softplus(x[i] * factor + march.shift) * ray.length(start + i);
    for (int i = 0; i < BLOCK; i++) {
        depths_before[i] = before;
        before += tau[i];
    }
    for (int i = 0; i < BLOCK; i++) w[i] = -Math::expm1(-tau[i]) * Math::exp(-depths_before[i]);
    for (int i = 0; i < size; i++) weight[start + i] = w[i];
    // Those beyond the ray are 0. A logarithm of four samples at a time: of no more than (1 + scale / 4)^4, as the sum
    // of the weights is at most 1.
    for (int i = 0; i < BLOCK; i++) tau[i] = 1.0f + scale * w[i];
    for (int half = BLOCK / 2; half >= LANES; half /= 2)
        for (int i = 0; i < half; i++) tau[i] *= tau[i + half];
    for (int i = 0; i < LANES; i++) log_sum += Math::log(tau[i]);
    for (int i = 0; i < size; i++) depth += w[i] * distance[i];
    for (int i = 0; i < size; i++) {
        if (!(w[i] > threshold)) continue;
        const float *at = features + CHANNELS * (long long)cell[i];
        image = image.plus(w[i], LookUp::features(at, sx, sy, sz, fx[i], fy[i], fz[i]).activated());
    }
    count += size;
}
((int *)march.counts)[index] = count;
for (int i = count; i < samples; i++) raw[i] = weight[i] = 0.0f;
image.store((float *)march.images + CHANNELS * (long long)index);
((float *)march.depths)[index] = depth;
((float *)march.log_sums)[index] = log_sum;
((float *)march.passed)[index] = Math::exp(-before);
