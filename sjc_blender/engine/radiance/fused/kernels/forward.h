// One ray: where it is in the box (`entries`, `lengths`), interpolated densities `raws`, weights w = (1 - exp(-tau)) exp(-sum of the tau before), and the sums along
// the ray of w f, over the background (`image`), of w t (`depths`) and of log(1 + scale w) (`log_sums`); `passed` is the
// transmittance at its end.
const float *__restrict__ density = (const float *)march.density_grid;
const float *__restrict__ features = (const float *)march.feature_grid;
float *__restrict__ raw = (float *)march.raws + (long long)pixel * samples;
float *__restrict__ weight = (float *)march.weights + (long long)pixel * samples;

Features image = Features::zero();
float depth = 0.0f, before = 0.0f, log_sum = 0.0f;
int count = 0;
while (count < ray.count && before < OPAQUE) {
    const int start = count;
    const int size = ray.count - start < BLOCK ? ray.count - start : BLOCK;
    float x[BLOCK], tau[BLOCK], distance[BLOCK], depths_before[BLOCK], w[BLOCK], fx[BLOCK], fy[BLOCK], fz[BLOCK];
    int cell[BLOCK];
    EACH_LANE(i, size) {
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
    EACH_LANE(i, size) tau[i] = Math::softplus(x[i] * factor + march.shift) * ray.length(start + i);
    EACH_LANE(i, size) {
        depths_before[i] = before;
        before += tau[i];
    }
    EACH_LANE(i, size) w[i] = -Math::expm1(-tau[i]) * Math::exp(-depths_before[i]);
    for (int i = 0; i < size; i++) weight[start + i] = w[i];
    // Those beyond the ray are 0. A logarithm of four samples at a time: of no more than (1 + scale / 4)^4, as the sum
    // of the weights is at most 1.
    float product[LANES];
    for (int i = 0; i < LANES; i++) product[i] = 1.0f;
    EACH_LANE(i, size) product[i - vector] *= 1.0f + scale * w[i];
    for (int i = 0; i < LANES; i++) log_sum += Math::log(product[i]);
    for (int i = 0; i < size; i++) depth += w[i] * distance[i];
    for (int i = 0; i < size; i++) {
        if (!(w[i] > threshold)) continue;
        const float *at = features + CHANNELS * (long long)cell[i];
        image = image.plus(w[i], LookUp::features(at, sx, sy, sz, fx[i], fy[i], fz[i]).activated());
    }
    count += size;
}
((int *)march.counts)[pixel] = count;
for (int i = count; i < samples; i++) weight[i] = 0.0f;
const float passed = Math::exp(-before);
if (march.texels) {
    float *__restrict__ shares = (float *)march.texel_weights + TEXELS * (long long)pixel;
    Background::weights(direction, shares);
    Features behind = Features::zero();
    for (int k = 0; k < TEXELS; k++)
        behind = behind.plus(shares[k], Features::load((const float *)march.texels + CHANNELS * k));
    behind.store((float *)march.backgrounds + CHANNELS * (long long)pixel);
    image = image.plus(passed, behind.activated());
}
image.put((float *)march.image, pixel, rays);
((float *)march.depths)[pixel] = depth;
((float *)march.log_sums)[pixel] = log_sum;
((float *)march.passed)[pixel] = passed;
