// The texture on the sphere of directions, see background.py.
enum { TEXELS = ROWS * COLUMNS };

struct Background {
    // The share of each texel in a direction; they sum to 1.
    static CUDA_CALLABLE WP_FORCEINLINE void weights(const float *direction, float *to) {
        const float pi = 3.14159265f;
        const float x = direction[0], y = direction[1], z = direction[2];
        // In texels, with texel centres at whole numbers.
        const float row = (0.5f - ::atan2f(z, ::sqrtf(x * x + y * y)) / pi) * ROWS - 0.5f;
        const float column = ::atan2f(y, x) / (2.0f * pi) * COLUMNS;
        const float inner = row < 0.0f ? 0.0f : (row > ROWS - 1.0f ? ROWS - 1.0f : row);
        // Between the outermost row and the pole the columns blend into their mean.
        float beyond = 2.0f * (row < 0.0f ? -row : row - (ROWS - 1.0f));
        beyond = beyond < 0.0f ? 0.0f : (beyond > 1.0f ? 1.0f : beyond);
        for (int r = 0; r < ROWS; r++) {
            const float of_row = hat(inner - r);
            for (int c = 0; c < COLUMNS; c++) {
                float away = column - c;
                away += away < -0.5f * COLUMNS ? COLUMNS : (away > 0.5f * COLUMNS ? -COLUMNS : 0);
                const float of_column = hat(away);
                to[r * COLUMNS + c] = of_row * (of_column + beyond * (1.0f / COLUMNS - of_column));
            }
        }
    }
    static CUDA_CALLABLE WP_FORCEINLINE float hat(float x) {
        x = x < 0.0f ? -x : x;
        return x < 1.0f ? 1.0f - x : 0.0f;
    }
};
