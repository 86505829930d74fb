# Scores as texts: redlark.server.doubles for the plain cases.
#
# Must live here: reading and printing of doubles, which must equal what Python does to the last bit (tests hold them
# to each other).  Must not: what is an error; whatever is not read here, Python reads.

from libc.stdlib cimport strtod

cdef extern from *:
    """
    typedef unsigned __int128 rl_wide;
    static inline uint64_t rl_product(uint64_t a, uint64_t b) {
        return (uint64_t)(((rl_wide)a * b + ((rl_wide)1 << 63)) >> 64);
    }
    static inline int rl_bit_length(uint64_t x) { return 64 - __builtin_clzll(x); }
    static const double rl_tens[] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19
    };
    """
    uint64_t rl_product(uint64_t a, uint64_t b) nogil
    int rl_bit_length(uint64_t x) nogil
    const double* TENS "rl_tens"

cdef enum:
    EXACT_DIGITS = 15       # so many make a number that a double has exactly
    LONGEST_SCORE = 63      # that is read here
    SCORE_ROOM = 32         # what a printed one needs
    POWERS = 87

cdef uint64_t[POWERS] power_mantissa    # cached powers of ten, once they are known; see doubles._power
cdef int[POWERS] power_exponent


# -------------------------------------------------------------------------------------------------------------- reading

cdef bint read_score(const char* p, size_t n, double* score) noexcept nogil:
    """A score; False if it is none, or one that is seldom seen.

    Few digits are an integer over a power of ten, both of which a double has exactly, so one division rounds rightly
    (Clinger, "How to read floating point numbers accurately", 1990).  More, and exponents, are left to C.
    """
    cdef char[LONGEST_SCORE + 1] text
    cdef char* stop
    cdef size_t at = 0
    cdef uint64_t number = 0
    cdef int digits = 0, places = 0
    cdef bint point = False, negative
    if n == 0 or n > LONGEST_SCORE:
        return False
    negative = p[0] == c'-'
    at = negative or p[0] == c'+'
    if n - at == 3 and p[at] | 32 == c'i' and p[at + 1] | 32 == c'n' and p[at + 2] | 32 == c'f':
        score[0] = -INFINITY if negative else INFINITY
        return True
    while at < n:
        if c'0' <= p[at] <= c'9':
            number = number * 10 + <uint64_t>(p[at] - c'0')
            digits += 1
            places += point
            if digits > EXACT_DIGITS:
                break
        elif p[at] == c'.' and not point:
            point = True
        else:
            break
        at += 1
    if at == n and digits:
        score[0] = <double>number / TENS[places]
        if negative:
            score[0] = -score[0]
        return True
    if digits == 0:
        return False
    for at in range(n):
        if not (c'0' <= p[at] <= c'9' or p[at] == c'.' or p[at] | 32 == c'e' or p[at] == c'-' or p[at] == c'+'):
            return False
        text[at] = p[at]
    text[n] = 0
    score[0] = strtod(text, &stop)
    return stop == text + n and score[0] != 0 and not isinf(score[0])


# ------------------------------------------------------------------------------------------------------------- printing

cdef int format_score(char* to, double score) noexcept:
    """As Redis answers with a score (doubles.show); room for SCORE_ROOM bytes.  Returns its length."""
    cdef char[24] digits
    cdef int n, exponent = 0, sign = signbit(score) != 0 and not isnan(score)
    cdef double size = -score if sign else score
    if sign:
        to[0] = c'-'
    if score == 0:
        to[sign] = c'0'
        return sign + 1
    if isinf(score) or isnan(score):
        memcpy(to + sign, b"nan" if isnan(score) else b"inf", 3)
        return sign + 3
    if size <= 4611686018427387904.0 and score == <double><int64_t>score:
        return rl_format_int(to, <int64_t>score)
    n = shortest_digits(digits, size, &exponent)
    return sign + lay_out(to + sign, digits, n, exponent)

cdef int lay_out(char* to, const char* digits, int n, int exponent) noexcept nogil:
    """Digits and a decimal exponent, as doubles._written has them."""
    cdef int first = exponent + n - 1, at
    if exponent >= 0 and first < n + 7:
        memcpy(to, digits, n)
        memset(to + n, c'0', exponent)
        return n + exponent
    if exponent < 0 and (exponent > -7 or -4 < first < 4):
        if first < 0:                       # 0.000ddd
            memset(to, c'0', 1 - first)
            to[1] = c'.'
            memcpy(to + 1 - first, digits, n)
            return 1 - first + n
        memcpy(to, digits, first + 1)
        to[first + 1] = c'.'
        memcpy(to + first + 2, digits + first + 1, -exponent)
        return n + 1
    to[0] = digits[0]
    at = 1
    if n > 1:
        to[1] = c'.'
        memcpy(to + 2, digits + 1, n - 1)
        at = n + 1
    to[at] = c'e'
    to[at + 1] = c'-' if first < 0 else c'+'
    return at + 2 + rl_format_int(to + at + 2, -first if first < 0 else first)

cdef void power_of(int number) noexcept:
    """See to it that a cached power is known."""
    if power_mantissa[number] == 0:
        try:
            power_mantissa[number], power_exponent[number] = POWER_OF_TEN(number)
        except Exception:
            traceback.print_exc()

cdef int power_for(int exponent) noexcept:
    """The number of the power that brings a mantissa with this binary exponent into the range (doubles._cached)."""
    cdef int number = (<int>(-(exponent + 87) * 0.30102999566398114) + 348) // 8
    power_of(number)
    while exponent + power_exponent[number] + 64 < -60:
        number += 1
        power_of(number)
    while exponent + power_exponent[number] + 64 > -32:
        number -= 1
        power_of(number)
    return number

cdef int shortest_digits(char* to, double size, int* exponent) noexcept:
    """The digits of a positive number by Grisu2, as doubles._shortest has them, and their decimal exponent."""
    cdef uint64_t bits = rl_as_bits(size)
    cdef uint64_t mantissa = bits & 0xFFFFFFFFFFFFFULL, high, low, top, power
    cdef int binary = <int>(bits >> 52), shift, number, n
    if binary:
        mantissa |= 1ULL << 52
        binary -= 1075
    else:
        binary = -1074
    high = 2 * mantissa + 1
    shift = 64 - rl_bit_length(high)
    if mantissa == 1ULL << 52 and binary > -1074:
        low = (4 * mantissa - 1) << (shift - 1)
    else:
        low = (2 * mantissa - 1) << shift
    number = power_for(binary - 1 - shift)
    power = power_mantissa[number]
    top = rl_product(high << shift, power) - 1
    n = cut_digits(to, top, top - (rl_product(low, power) + 1), top - rl_product(2 * mantissa << shift, power),
                   -(binary - 1 - shift + power_exponent[number] + 64), exponent)
    exponent[0] -= 8 * number - 348
    return n

cdef int cut_digits(char* to, uint64_t top, uint64_t width, uint64_t distance, int point, int* places) noexcept nogil:
    """As few digits of top (a fixed-point number) as stay within width below it (doubles._digits)."""
    cdef uint64_t whole = top >> point
    cdef uint64_t part = top & ((1ULL << point) - 1), rest, unit = 1
    cdef int n = 0, cut = 0
    if whole:
        while whole // unit >= 10:
            unit *= 10
            cut += 1
        while cut >= 0:
            rest = (whole % unit << point) + part
            if rest <= width:
                n = rl_format_int(to, <int64_t>(whole // unit))
                places[0] = cut
                return nearest(to, n, rest, width, distance, unit << point)
            unit //= 10
            cut -= 1
        n = rl_format_int(to, <int64_t>whole)
    places[0] = 0
    while True:
        part *= 10
        width *= 10
        distance *= 10
        places[0] -= 1
        if part >> point or n:
            to[n] = <char>(c'0' + <char>(part >> point))
            n += 1
        part &= (1ULL << point) - 1
        if part < width:
            return nearest(to, n, part, width, distance, 1ULL << point)

cdef int nearest(char* to, int n, uint64_t rest, uint64_t width, uint64_t distance, uint64_t unit) noexcept nogil:
    """Lower the last digit while that brings what is left closer to distance, and stays within width."""
    while rest < distance and width - rest >= unit and \
            (rest + unit < distance or rest + unit - distance < distance - rest):
        to[n - 1] -= 1
        rest += unit
    return n

def show(double number):
    """A score as Redis answers with it."""
    cdef char[SCORE_ROOM] text
    return PyBytes_FromStringAndSize(text, format_score(text, number))
