/* Patterns of MATCH, byte by byte: `*`, `?`, `[...]` with ranges and `^`, and `\` before what is meant as it stands.
 *
 * Must live here: whether a text matches as a whole.  What the corner cases mean is told by redlark.server.glob, which
 * says the same as a regular expression.
 *
 * Why no recursion: where a part behind a star does not fit, only the last star has to take one byte more, for what came
 * before it fitted at the first place where it could.  So no pattern takes more than its length for each byte of a text. */
#ifndef REDLARK_GLOB_H
#define REDLARK_GLOB_H

#include <stddef.h>

/* Does a byte match the class that begins behind '[' at *at?  *at is moved behind it; unclosed, it ends with the pattern. */
static int rl_glob_class(const unsigned char *p, size_t n, size_t *at, unsigned char byte) {
    size_t i = *at;
    int negated = i < n && p[i] == '^', found = 0;
    if (negated) i++;
    for (; i < n && p[i] != ']'; i++) {
        unsigned low = p[i], high = p[i];
        if (p[i] == '\\' && i + 1 < n) {
            low = high = p[++i];
        } else if (i + 2 < n && p[i + 1] == '-') {
            high = p[i + 2];
            if (low > high) { low = high; high = p[i]; }
            i += 2;
        }
        found |= low <= byte && byte <= high;
    }
    *at = i < n ? i + 1 : n;
    return found != negated;
}

/* Does a byte match what stands at *at, which is no star?  *at is moved behind it. */
static inline int rl_glob_byte(const unsigned char *p, size_t n, size_t *at, unsigned char byte) {
    unsigned char sign = p[(*at)++];
    if (sign == '?') return 1;
    if (sign == '[') return rl_glob_class(p, n, at, byte);
    if (sign == '\\' && *at < n) sign = p[(*at)++];
    return sign == byte;
}

/* A single star is no condition; any other pattern is looked at only while there is text left. */
static int rl_glob(const char *pattern, size_t n, const char *text, size_t size) {
    const unsigned char *p = (const unsigned char *)pattern, *t = (const unsigned char *)text;
    size_t at = 0, i = 0, behind = 0, mark = 0, next;   /* behind the last star (0: none), and where its text ends */
    if (n == 1 && p[0] == '*') return 1;
    if (size == 0) return n == 0;
    while (i < size) {
        if (at < n && p[at] == '*') { behind = ++at; mark = i; continue; }
        next = at;
        if (at < n && rl_glob_byte(p, n, &next, t[i])) { at = next; i++; continue; }
        if (!behind) return 0;
        at = behind;
        i = ++mark;
    }
    while (at < n && p[at] == '*') at++;
    return at == n;
}
#endif
