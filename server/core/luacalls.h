/* Commands that scripts call, without Python between: what of it must be C, and nothing else.
 *
 * Lua comes from lupa; its functions are looked up in lupa's own module, which shows them. An error of Lua (it has no more
 * memory) jumps out of the function that met it. So all that may fail is done here, where no lock is held and nothing has
 * to be put back: first the words are taken, then `ask` runs the command (luacalls.pxi: it holds the interpreter's lock and
 * fails never), then the reply becomes Lua's value. `ask` leaves the reply as RESP2 in a buffer that stays.
 *
 * Nothing is returned where a call is none of these: the sandbox (lua/redis.lua) then asks Python. */
#ifndef RL_LUACALLS_H
#define RL_LUACALLS_H

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct lua_State lua_State;
typedef int (*rl_lua_function)(lua_State *);

enum {
    RL_LUA_NUMBER = 3,
    RL_LUA_STRING = 4,
    RL_LUA_FIRST_UPVALUE = -10003, /* lua_upvalueindex(1) of Lua 5.1 */
    RL_LUA_WORDS = 64,             /* of one call; more is Python's */
    RL_LUA_DIGITS = 480            /* of all its numbers */
};

static struct {
    int (*gettop)(lua_State *);
    int (*type)(lua_State *, int);
    const char *(*tolstring)(lua_State *, int, size_t *);
    double (*tonumber)(lua_State *, int);
    void *(*touserdata)(lua_State *, int);
    void (*pushnumber)(lua_State *, double);
    void (*pushlstring)(lua_State *, const char *, size_t);
    void (*pushboolean)(lua_State *, int);
    void (*pushlightuserdata)(lua_State *, void *);
    void (*pushcclosure)(lua_State *, rl_lua_function, int);
    void (*createtable)(lua_State *, int, int);
    void (*rawseti)(lua_State *, int, int);
    void (*setfield)(lua_State *, int, const char *);
} rl_lua;

/* Finds Lua's functions in the module of this path, which is loaded already; 0 where they are not shown. */
static int rl_lua_find(const char *path) {
    static const char *const names[] = {
        "lua_gettop", "lua_type", "lua_tolstring", "lua_tonumber", "lua_touserdata", "lua_pushnumber", "lua_pushlstring",
        "lua_pushboolean", "lua_pushlightuserdata", "lua_pushcclosure", "lua_createtable", "lua_rawseti", "lua_setfield"};
    void **found = (void **)&rl_lua;
    void *module = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    if (module == NULL)
        return 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        found[i] = dlsym(module, names[i]);
        if (found[i] == NULL)
            return 0;
    }
    return 1;
}

typedef struct {
    const char *p;
    size_t n;
} rl_lua_word;

typedef struct rl_lua_calls {
    void *owner;
    int (*ask)(struct rl_lua_calls *, int argc, rl_lua_word *argv);
    int open;          /* a script runs that may ask here */
    const char *reply; /* of the last command */
} rl_lua_calls;

/* Makes one value of the reply at p; returns where the next begins. */
static const char *rl_lua_push(lua_State *L, const char *p) {
    const char *end = strchr(p, '\r');
    int64_t n;
    switch (*p) {
    case '+':
        rl_lua.createtable(L, 0, 1);
        rl_lua.pushlstring(L, p + 1, (size_t)(end - p - 1));
        rl_lua.setfield(L, -2, "ok");
        return end + 2;
    case ':':
        rl_lua.pushnumber(L, (double)strtoll(p + 1, NULL, 10));
        return end + 2;
    case '$':
        n = strtoll(p + 1, NULL, 10);
        if (n < 0) {
            rl_lua.pushboolean(L, 0);
            return end + 2;
        }
        rl_lua.pushlstring(L, end + 2, (size_t)n);
        return end + 4 + n;
    default: /* an array: no hot command fails */
        n = strtoll(p + 1, NULL, 10);
        p = end + 2;
        if (n < 0) {
            rl_lua.pushboolean(L, 0);
            return p;
        }
        rl_lua.createtable(L, (int)n, 0);
        for (int64_t i = 1; i <= n; i++) {
            p = rl_lua_push(L, p);
            rl_lua.rawseti(L, -2, (int)i);
        }
        return p;
    }
}

/* What scripts call: the words of a command, its value. */
static int rl_lua_call(lua_State *L) {
    rl_lua_calls *calls = (rl_lua_calls *)rl_lua.touserdata(L, RL_LUA_FIRST_UPVALUE);
    rl_lua_word words[RL_LUA_WORDS];
    char digits[RL_LUA_DIGITS];
    size_t used = 0;
    int count = rl_lua.gettop(L);
    if (!calls->open || count < 1 || count > RL_LUA_WORDS)
        return 0;
    for (int i = 0; i < count; i++) {
        int type = rl_lua.type(L, i + 1);
        if (type == RL_LUA_STRING) {
            words[i].p = rl_lua.tolstring(L, i + 1, &words[i].n);
        } else if (type == RL_LUA_NUMBER) {
            double number = rl_lua.tonumber(L, i + 1);
            if (!(number > -9e15 && number < 9e15) || number != (double)(int64_t)number || used + 24 > RL_LUA_DIGITS)
                return 0;
            words[i].p = digits + used;
            words[i].n = (size_t)rl_format_int(digits + used, (int64_t)number);
            used += 24;
        } else {
            return 0;
        }
    }
    if (!calls->ask(calls, count, words))
        return 0;
    rl_lua_push(L, calls->reply);
    return 1;
}

/* The function above for the calls at an address, as package.loadlib finds this one. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int rl_lua_open(lua_State *L) {
    rl_lua.pushlightuserdata(L, (void *)(uintptr_t)rl_lua.tonumber(L, 1));
    rl_lua.pushcclosure(L, rl_lua_call, 1);
    return 1;
}

#endif
