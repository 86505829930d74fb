/* INCRBYFLOAT's sum where C has the 80-bit format of x86, as Redis computes it there.
 *
 * Only plain decimals of moderate size: for these strtold and printf do what redlark.server.longdouble says in exact
 * integers, which answers for all the rest (and everywhere else). */
#ifndef RL_LONGDOUBLE_H
#define RL_LONGDOUBLE_H

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RL_SUM_LONGEST = 40, RL_SUM_ROOM = 64 };

#if LDBL_MANT_DIG == 64 && LDBL_MAX_EXP == 16384
static int rl_plain_decimal(const char *p, size_t n, long double *number) {
    char text[RL_SUM_LONGEST + 1], *end;
    size_t digits = 0, points = 0;
    if (n == 0 || n > RL_SUM_LONGEST)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] >= '0' && p[i] <= '9')
            digits++;
        else if (p[i] == '.')
            points++;
        else if (i != 0 || p[i] != '-')
            return 0;
        text[i] = p[i];
    }
    if (digits == 0 || points > 1)
        return 0;
    text[n] = 0;
    *number = strtold(text, &end);
    return end == text + n;
}

/* Writes the sum of two texts, of RL_SUM_ROOM bytes at most; its length, or 0 where that is not for this function. */
static int rl_sum(const char *a, size_t an, const char *b, size_t bn, char *to) {
    long double one, other, sum;
    int n;
    if (localeconv()->decimal_point[0] != '.' || !rl_plain_decimal(a, an, &one) || !rl_plain_decimal(b, bn, &other))
        return 0;
    sum = one + other;
    if (fabsl(sum) >= 1e20L)
        return 0;
    n = snprintf(to, RL_SUM_ROOM, "%.17Lf", sum);
    while (to[n - 1] == '0')
        n--;
    if (to[n - 1] == '.')
        n--;
    if (n == 2 && to[0] == '-' && to[1] == '0') {
        to[0] = '0';
        n = 1;
    }
    return n;
}
#else
static int rl_sum(const char *a, size_t an, const char *b, size_t bn, char *to) {
    (void)a, (void)an, (void)b, (void)bn, (void)to;
    return 0;
}
#endif

#endif
