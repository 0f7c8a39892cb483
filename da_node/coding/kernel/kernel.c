#include "kernel.h"

#include <stdlib.h>

#include "field.h"

/* roots[h + j] = w^j with w of order 2h, in Montgomery form, for h = 1, 2, 4 .. 4096, j < h: each
 * stage of a transform reads its twiddles in order. A transform of half the size uses the front. */
static fe roots[POINTS];
/* what coefficient k is multiplied by on the way from the data points to the parity points, and
 * back: w^k / 4096 and w^-k / 4096, w of order 8192 (the parity points are the coset of w) */
static fe to_coset[DATA_POINTS], from_coset[DATA_POINTS];
/* k / 8192: the inverse transform's factor and the formal derivative's in one */
static fe derivative[POINTS];

/* ------------------------------------------------------------------ constants */

static fe fe_of(uint64_t n) { return fe_to_mont((fe){{n, 0, 0, 0}}); }

static fe fe_pow(fe base, const fe *exponent)
{
    fe result = FE_ONE;
    for (int bit = 255; bit >= 0; bit--) {
        result = fe_mul_canonical(result, result);
        if (exponent->v[bit / 64] >> (bit % 64) & 1) result = fe_mul_canonical(result, base);
    }
    return result;
}

static fe fe_inverse(fe a)
{
    fe exponent = FE_R;
    exponent.v[0] -= 2;  /* r - 2; the lowest limb of r is far above 2 */
    return fe_pow(a, &exponent);
}

void kernel_init(void)
{
    /* 7 generates the multiplicative group: w = 7^((r - 1) / 8192) has order 8192 */
    fe exponent = FE_R;
    exponent.v[0] -= 1;
    for (int i = 0; i < 4; i++)
        exponent.v[i] = exponent.v[i] >> 13 | (i < 3 ? exponent.v[i + 1] << 51 : 0);
    fe w = fe_pow(fe_of(7), &exponent), power = FE_ONE;
    for (size_t j = 0; j < POINTS / 2; j++, power = fe_mul_canonical(power, w))
        roots[POINTS / 2 + j] = power;
    for (size_t h = POINTS / 4; h >= 1; h /= 2)
        for (size_t j = 0; j < h; j++) roots[h + j] = roots[2 * h + 2 * j];

    fe by_size = fe_inverse(fe_of(DATA_POINTS)), by_points = fe_inverse(fe_of(POINTS));
    fe w_inverse = fe_inverse(w);
    to_coset[0] = from_coset[0] = by_size;
    for (size_t k = 1; k < DATA_POINTS; k++) {
        to_coset[k] = fe_mul_canonical(to_coset[k - 1], w);
        from_coset[k] = fe_mul_canonical(from_coset[k - 1], w_inverse);
    }
    for (size_t k = 0; k < POINTS; k++) derivative[k] = fe_mul_canonical(fe_of(k), by_points);
}

/* ------------------------------------------------------------------ transforms
 * Over `lanes` rows side by side: element k of lane l at a[k * lanes + l]. Forward takes natural
 * order to bit-reversed, inverse the other way and leaves out the division by n, so that no
 * permutation is ever made. */

static inline void butterfly_forward(fe *restrict x, fe *restrict y, size_t lanes, fe w)
{
    for (size_t l = 0; l < lanes; l++) {
        fe sum = fe_add(x[l], y[l]);
        y[l] = fe_mul(fe_sub(x[l], y[l]), w);
        x[l] = sum;
    }
}

/* The inverse twiddle is -w^(h - j), which stands in the same table; the sign goes into the sums. */
static inline void butterfly_inverse(fe *restrict x, fe *restrict y, size_t lanes, fe minus_inverse)
{
    for (size_t l = 0; l < lanes; l++) {
        fe product = fe_mul(y[l], minus_inverse), top = x[l];
        x[l] = fe_sub(top, product);
        y[l] = fe_add(top, product);
    }
}

/* The butterfly of either direction where the twiddle is one. */
static inline void butterfly_plain(fe *restrict x, fe *restrict y, size_t lanes)
{
    for (size_t l = 0; l < lanes; l++) {
        fe sum = fe_add(x[l], y[l]);
        y[l] = fe_sub(x[l], y[l]);
        x[l] = sum;
    }
}

static void transform_forward(fe *a, size_t n, size_t lanes)
{
    for (size_t h = n / 2; h >= 1; h /= 2)
        for (fe *x = a; x < a + n * lanes; x += 2 * h * lanes) {
            butterfly_plain(x, x + h * lanes, lanes);
            for (size_t j = 1; j < h; j++)
                butterfly_forward(x + j * lanes, x + (h + j) * lanes, lanes, roots[h + j]);
        }
}

static void transform_inverse(fe *a, size_t n, size_t lanes)
{
    for (size_t h = 1; h < n; h *= 2)
        for (fe *x = a; x < a + n * lanes; x += 2 * h * lanes) {
            butterfly_plain(x, x + h * lanes, lanes);
            for (size_t j = 1; j < h; j++)
                butterfly_inverse(x + j * lanes, x + (h + j) * lanes, lanes, roots[2 * h - j]);
        }
}

static void scale(fe *a, const fe *by, size_t n, size_t lanes)
{
    for (size_t k = 0; k < n; k++)
        for (size_t l = 0; l < lanes; l++) a[k * lanes + l] = fe_mul(a[k * lanes + l], by[k]);
}

/* ------------------------------------------------------------------ elements */

void kernel_pack(const uint8_t *payload, size_t length, uint8_t *elements, size_t count)
{
    size_t whole = length / PIECE, rest = length % PIECE;
    for (size_t e = 0; e < whole; e++) {
        elements[e * ELEMENT] = 0;
        memcpy(elements + e * ELEMENT + 1, payload + e * PIECE, PIECE);
    }
    memset(elements + whole * ELEMENT, 0, (count - whole) * ELEMENT);
    if (rest) memcpy(elements + whole * ELEMENT + 1, payload + whole * PIECE, rest);
}

void kernel_unpack(const uint8_t *elements, uint8_t *out, size_t length)
{
    size_t whole = length / PIECE, rest = length % PIECE;
    for (size_t e = 0; e < whole; e++)
        memcpy(out + e * PIECE, elements + e * ELEMENT + 1, PIECE);
    if (rest) memcpy(out + whole * PIECE, elements + whole * ELEMENT + 1, rest);
}

ptrdiff_t kernel_first_non_canonical(const uint8_t *elements, size_t count)
{
    for (size_t e = 0; e < count; e++) {
        fe a = fe_load(elements + e * ELEMENT);
        if (!fe_is_canonical(&a)) return (ptrdiff_t)e;
    }
    return -1;
}

/* ------------------------------------------------------------------ combine */

typedef struct { uint64_t v[9]; } wide;

/* acc += a b, not reduced: 1024 products below 2^256 r stay below 2^522 */
static inline void wide_multiply_add(wide *acc, fe a, fe b)
{
    uint64_t top = 0;
    for (int i = 0; i < 4; i++) {
        u128 c = (u128)a.v[i] * b.v[0] + acc->v[i];
        acc->v[i] = (uint64_t)c;
        for (int j = 1; j < 4; j++) {
            c = (u128)a.v[i] * b.v[j] + acc->v[i + j] + (uint64_t)(c >> 64);
            acc->v[i + j] = (uint64_t)c;
        }
        c = (u128)acc->v[i + 4] + (uint64_t)(c >> 64) + top;
        acc->v[i + 4] = (uint64_t)c;
        top = (uint64_t)(c >> 64);
    }
    acc->v[8] += top;
}

/* acc / R, canonical */
static fe wide_reduce(wide acc)
{
    uint64_t *t = acc.v;
    for (int i = 0; i < 4; i++) {
        uint64_t q = 0 - (t[i] + (t[i] << 32)), carry = 0;
        for (int j = 0; j < 4; j++) {
            u128 c = (u128)q * FE_R.v[j] + t[i + j] + carry;
            t[i + j] = (uint64_t)c;
            carry = (uint64_t)(c >> 64);
        }
        for (int j = i + 4; j < 9; j++) t[j] = add_carry(t[j], 0, &carry);
    }
    fe low = fe_reduce_once((fe){{t[4], t[5], t[6], t[7]}}, &FE_2R);
    fe high = fe_mul((fe){{t[8], 0, 0, 0}}, FE_R2);  /* t[8] 2^256 */
    return fe_canonical(fe_add(low, high));
}

int kernel_combine(const uint8_t *leaves, size_t points, size_t rows, const uint8_t gamma[ELEMENT],
                   uint8_t *out)
{
    fe *powers = malloc(rows * sizeof(fe));
    if (!powers) return -1;
    fe g = fe_to_mont(fe_load(gamma)), power = FE_ONE;
    for (size_t i = 0; i < rows; i++, power = fe_mul_canonical(power, g)) powers[i] = power;
    for (size_t p = 0; p < points; p++) {
        wide acc = {{0}};
        for (size_t i = 0; i < rows; i++)
            wide_multiply_add(&acc, fe_load(leaves + (p * rows + i) * ELEMENT), powers[i]);
        fe_store(out + p * ELEMENT, wide_reduce(acc));
    }
    free(powers);
    return 0;
}

/* ------------------------------------------------------------------ extend and recover */

static inline void load_lanes(fe *to, const uint8_t *leaves, size_t rows, size_t p, size_t row,
                              size_t lanes)
{
    for (size_t l = 0; l < lanes; l++) to[l] = fe_load(leaves + (p * rows + row + l) * ELEMENT);
}

static inline void store_lanes(uint8_t *leaves, size_t rows, size_t p, size_t row, const fe *from,
                               size_t lanes)
{
    for (size_t l = 0; l < lanes; l++)
        fe_store(leaves + (p * rows + row + l) * ELEMENT, fe_canonical(from[l]));
}

static size_t lanes_from(size_t row, size_t last) { return last - row < LANES ? last - row : LANES; }

/* One half of the points of rows [first, last) from the other half. */
static int transfer(uint8_t *leaves, size_t rows, size_t first, size_t last, size_t from, size_t to,
                    const fe *twist)
{
    fe *a = malloc((size_t)DATA_POINTS * LANES * sizeof(fe));
    if (!a) return -1;
    for (size_t row = first, lanes; row < last; row += lanes) {
        lanes = lanes_from(row, last);
        for (size_t p = 0; p < DATA_POINTS; p++)
            load_lanes(a + p * lanes, leaves, rows, from + p, row, lanes);
        transform_inverse(a, DATA_POINTS, lanes);
        scale(a, twist, DATA_POINTS, lanes);
        transform_forward(a, DATA_POINTS, lanes);
        for (size_t p = 0; p < DATA_POINTS; p++)
            store_lanes(leaves, rows, to + p, row, a + p * lanes, lanes);
    }
    free(a);
    return 0;
}

int kernel_extend(uint8_t *leaves, size_t rows, size_t first, size_t last)
{
    return transfer(leaves, rows, first, last, 0, DATA_POINTS, to_coset);
}

int kernel_extend_back(uint8_t *leaves, size_t rows, size_t first, size_t last)
{
    return transfer(leaves, rows, first, last, DATA_POINTS, 0, from_coset);
}

/* z, of degree `degree`, times (x - root): coefficients `stride` apart, in Montgomery form */
static void multiply_by_linear(fe *z, size_t degree, size_t stride, fe root)
{
    z[(degree + 1) * stride] = z[degree * stride];
    for (size_t k = degree; k > 0; k--)
        z[k * stride] =
            fe_canonical(fe_sub(z[(k - 1) * stride], fe_mul(z[k * stride], root)));
    z[0] = fe_canonical(fe_sub((fe){{0}}, fe_mul(z[0], root)));
}

static size_t bit_reverse13(size_t p)
{
    size_t reversed = 0;
    for (int bit = 0; bit < 13; bit++) reversed |= (p >> bit & 1) << (12 - bit);
    return reversed;
}

/* w^k for any k below 8192, w of order 8192 */
static fe root_power(size_t k)
{
    fe power = roots[POINTS / 2 + k % (POINTS / 2)];
    return k < POINTS / 2 ? power : fe_canonical(fe_sub((fe){{0}}, power));
}

/* Coefficients of the polynomial that vanishes on the points that are not known. Where these are
 * whole columns it is one in x^64, with a root a column: a column is a coset of the 64-th roots. */
static void vanishing_polynomial(const uint8_t known[POINTS], fe z[POINTS])
{
    int whole_columns = 1;
    for (size_t p = 0; p < POINTS; p++)
        whole_columns &= !known[p] == !known[p - p % COLUMN];
    size_t stride = whole_columns ? COLUMN : 1, degree = 0;
    memset(z, 0, POINTS * sizeof(fe));
    z[0] = FE_ONE;
    for (size_t p = 0; p < POINTS; p += stride)
        if (!known[p])
            multiply_by_linear(z, degree++, stride, root_power(bit_reverse13(p) * stride % POINTS));
}

/* a[i] = 1 / a[i] for the unknown points, all of them with one inversion (Montgomery's trick) */
static void invert_unknown(fe *a, const uint8_t known[POINTS], fe *running)
{
    fe product = FE_ONE;
    for (size_t p = 0; p < POINTS; p++)
        if (!known[p]) {
            running[p] = product;
            product = fe_mul_canonical(product, a[p]);
        }
    fe inverse = fe_inverse(product);
    for (size_t p = POINTS; p-- > 0;)
        if (!known[p]) {
            fe here = fe_mul_canonical(inverse, running[p]);
            inverse = fe_mul_canonical(inverse, a[p]);
            a[p] = here;
        }
}

int kernel_locator(const uint8_t known[POINTS], uint8_t *table)
{
    fe *work = malloc(3 * (size_t)POINTS * sizeof(fe));
    if (!work) return -1;
    fe *values = work, *slopes = work + POINTS, *running = work + 2 * (size_t)POINTS;
    vanishing_polynomial(known, values);
    /* x Z'(x) has the coefficients k z_k: no shift, and x is not zero on the domain */
    for (size_t k = 0; k < POINTS; k++) slopes[k] = fe_mul(values[k], fe_of(k));
    transform_forward(values, POINTS, 1);
    transform_forward(slopes, POINTS, 1);
    for (size_t p = 0; p < POINTS; p++) {
        values[p] = fe_canonical(values[p]);
        slopes[p] = fe_canonical(slopes[p]);
    }
    invert_unknown(slopes, known, running);
    for (size_t p = 0; p < POINTS; p++)
        memcpy(table + p * sizeof(fe), known[p] ? &values[p] : &slopes[p], sizeof(fe));
    free(work);
    return 0;
}

/* With f the row's polynomial (degree < 4096) and Z of degree <= 4096, D = f Z has degree < 8192
 * and is known everywhere: f Z where f is known, 0 where Z vanishes. There D' = f Z', so
 * f = x D' / (x Z'). One transform each way, whatever is missing. */
int kernel_recover(uint8_t *leaves, size_t rows, size_t first, size_t last,
                   const uint8_t known[POINTS], const uint8_t *table)
{
    fe *a = malloc((size_t)POINTS * LANES * sizeof(fe));
    if (!a) return -1;
    for (size_t row = first, lanes; row < last; row += lanes) {
        lanes = lanes_from(row, last);
        for (size_t p = 0; p < POINTS; p++) {
            fe *here = a + p * lanes;
            if (!known[p]) {
                memset(here, 0, lanes * sizeof(fe));
                continue;
            }
            fe z;
            memcpy(&z, table + p * sizeof(fe), sizeof(fe));
            load_lanes(here, leaves, rows, p, row, lanes);
            for (size_t l = 0; l < lanes; l++) here[l] = fe_mul(here[l], z);
        }
        transform_inverse(a, POINTS, lanes);
        scale(a, derivative, POINTS, lanes);
        transform_forward(a, POINTS, lanes);
        for (size_t p = 0; p < POINTS; p++) {
            if (known[p]) continue;
            fe by;
            memcpy(&by, table + p * sizeof(fe), sizeof(fe));
            for (size_t l = 0; l < lanes; l++) a[p * lanes + l] = fe_mul(a[p * lanes + l], by);
            store_lanes(leaves, rows, p, row, a + p * lanes, lanes);
        }
    }
    free(a);
    return 0;
}
