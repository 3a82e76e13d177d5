// One ray, from its last sample to its beginning: the gradient of the interpolated densities, from those of the image, the
// depth, the transmittance at the end, the sum of logarithms and, if there are any, the weights; and that of the background
// behind the ray. With G the gradient of a weight,
// dL/dtau_i = T_(i+1) G_i - (sum of w G behind) - T_end dL/dT_end.
const float *__restrict__ features = (const float *)march.feature_grid;
const float *__restrict__ raw = (const float *)march.raws + (long long)pixel * samples;
const float *__restrict__ weight = (const float *)march.weights + (long long)pixel * samples;
const float *__restrict__ of_weight = (const float *)march.weight_gradients;
float *__restrict__ of_raw = (float *)march.raw_gradients + (long long)pixel * samples;
const int count = ((const int *)march.counts)[pixel];
const Features of_image = Features::at((const float *)march.image_gradients, pixel, rays);
const float of_depth = GIVEN(depth_gradients);
const float of_log_sum = GIVEN(log_sum_gradients) * scale;

// The next ray's, as far as this one goes: they are too far away for a CPU to guess.
const long long to_next = (long long)march.width * samples;
for (int i = 0; i < count; i += 16) {
    PREFETCH(raw + to_next + i, 0);
    PREFETCH(weight + to_next + i, 0);
}

float after = ((const float *)march.passed)[pixel];
float of_passed = GIVEN(passed_gradients);
if (march.texels) {
    const Features background = Features::load((const float *)march.backgrounds + CHANNELS * (long long)pixel);
    of_passed += of_image.dot(background.activated());
    of_image.times_slope(background).times(after).store((float *)march.background_gradients + CHANNELS * (long long)pixel);
}
float behind = after * of_passed;
float of_factor = 0.0f;
const int blocks = (count + BLOCK - 1) / BLOCK;
for (int block = blocks - 1; block >= 0; block--) {
    const int start = block * BLOCK;
    const int size = count - start < BLOCK ? count - start : BLOCK;
    float x[BLOCK], w[BLOCK], distance[BLOCK], of_w[BLOCK], of_tau[BLOCK], fx[BLOCK], fy[BLOCK], fz[BLOCK];
    int cell[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
        distance[i] = ray.distance(start + i);
        x[i] = w[i] = of_w[i] = 0.0f;
    }
    for (int i = 0; i < size; i++) {
        x[i] = raw[start + i];
        w[i] = weight[start + i];
    }
    if (of_weight)
        for (int i = 0; i < size; i++) of_w[i] = of_weight[(long long)pixel * samples + start + i];
    for (int i = 0; i < BLOCK; i++) of_w[i] += of_depth * distance[i] + of_log_sum / (1.0f + scale * w[i]);
    float most = 0.0f;
    for (int i = 0; i < size; i++) most = w[i] > most ? w[i] : most;
    const int seen = most > threshold ? size : 0;  // no features were looked up in a block of faint samples
    if (seen)
        for (int i = 0; i < BLOCK; i++) cell[i] = cells.lowest(ray, distance[i], fx[i], fy[i], fz[i]);
    for (int i = 0; i < seen; i++) {
        if (!(w[i] > threshold)) continue;
        const float *at = features + CHANNELS * (long long)cell[i];
        PREFETCH(at, 0);
        PREFETCH(at + CHANNELS * sy, 0);
        PREFETCH(at + CHANNELS * sx, 0);
        PREFETCH(at + CHANNELS * (sx + sy), 0);
    }
    for (int i = 0; i < seen; i++) {
        if (!(w[i] > threshold)) continue;
        const float *at = features + CHANNELS * (long long)cell[i];
        of_w[i] += of_image.dot(LookUp::features(at, sx, sy, sz, fx[i], fy[i], fz[i]).activated());
    }
    for (int i = size - 1; i >= 0; i--) {
        of_tau[i] = after * of_w[i] - behind;
        behind += w[i] * of_w[i];
        after += w[i];
    }
    for (int i = size; i < BLOCK; i++) of_tau[i] = 0.0f;
    for (int i = 0; i < BLOCK; i++) {
        const float of_x = of_tau[i] * ray.length(start + i) * Math::sigmoid(x[i] * factor + march.shift);
        of_tau[i] = of_x * factor;
        x[i] *= of_x;
    }
    for (int i = 0; i < size; i++) of_raw[start + i] = of_tau[i];
    for (int i = 0; i < size; i++) of_factor += x[i];
}
((float *)march.factor_gradients)[pixel] = of_factor;
