/* Scripts, and commands that they call, without Python between: what of it must be C, and nothing else.
 *
 * Lua comes from lupa; its functions are looked up in lupa's own module, which shows them. An error of Lua (it has no more
 * memory) jumps out of the function that met it. So all that may fail is done here, where no lock is held and nothing has
 * to be put back. Of a call: first the words are taken, then `ask` runs the command (luacalls.pxi: it holds the
 * interpreter's lock and fails never), then the reply becomes Lua's value. `ask` leaves the reply as RESP2 in a buffer that
 * stays. Of a script: its words become KEYS and ARGV, it is called, and what it returns becomes a frame, all of it under
 * lua_pcall.
 *
 * Nothing is returned where a call is none of these: the sandbox (lua/redis.lua) then asks Python. And what a script returns
 * that is no plain value, or fails with, the sandbox makes a frame of. */
#ifndef RL_LUACALLS_H
#define RL_LUACALLS_H

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct lua_State lua_State;
typedef int (*rl_lua_function)(lua_State *);

enum {
    RL_LUA_BOOLEAN = 1,
    RL_LUA_NUMBER = 3,
    RL_LUA_STRING = 4,
    RL_LUA_TABLE = 5,
    RL_LUA_USERDATA = 7,
    RL_LUA_REGISTRY = -10000, /* of Lua 5.1, as the next */
    RL_LUA_FIRST_UPVALUE = -10003,
    RL_LUA_COUNT = 3, /* LUA_GCCOUNT: how many KiB it holds */
    RL_LUA_WORDS = 64,             /* of one call; more is Python's */
    RL_LUA_DIGITS = 480,           /* of all its numbers */
    RL_LUA_DEPTH = 8,              /* of tables in tables that become a frame here */
    RL_LUA_KEPT = 1 << 16          /* a larger frame's room is given back */
};

/* What the function that runs scripts has at hand (redis.lua gives it), from its second upvalue on. */
enum {
    RL_AT_GLOBALS = RL_LUA_FIRST_UPVALUE - 1,
    RL_AT_FAILED = RL_LUA_FIRST_UPVALUE - 2,
    RL_AT_ENDED = RL_LUA_FIRST_UPVALUE - 3,
    RL_AT_OUTCOME = RL_LUA_FIRST_UPVALUE - 4,
    RL_AT_KEYS = RL_LUA_FIRST_UPVALUE - 5,
    RL_AT_ARGV = RL_LUA_FIRST_UPVALUE - 6,
    RL_AT_OK = RL_LUA_FIRST_UPVALUE - 7,
    RL_AT_RARE = RL_LUA_FIRST_UPVALUE - 8, /* and five more */
    RL_RARE = 6,
    RL_GIVEN = 4,
    RL_UPVALUES = 14
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
    void (*settop)(lua_State *, int);
    void (*pushvalue)(lua_State *, int);
    void (*insert)(lua_State *, int);
    void (*rawget)(lua_State *, int);
    void (*rawgeti)(lua_State *, int, int);
    void (*rawset)(lua_State *, int);
    int (*toboolean)(lua_State *, int);
    int (*pcall)(lua_State *, int, int, int);
    void (*call)(lua_State *, int, int);
    int (*error)(lua_State *);
    int (*ref)(lua_State *, int);
    void (*unref)(lua_State *, int, int);
    int (*gc)(lua_State *, int, int);
} rl_lua;

/* Finds Lua's functions in the module of this path, which is loaded already; 0 where they are not shown. */
static int rl_lua_find(const char *path) {
    static const char *const names[] = {
        "lua_gettop", "lua_type", "lua_tolstring", "lua_tonumber", "lua_touserdata", "lua_pushnumber", "lua_pushlstring",
        "lua_pushboolean", "lua_pushlightuserdata", "lua_pushcclosure", "lua_createtable", "lua_rawseti", "lua_setfield",
        "lua_settop", "lua_pushvalue", "lua_insert", "lua_rawget", "lua_rawgeti", "lua_rawset", "lua_toboolean", "lua_pcall",
        "lua_call", "lua_error", "luaL_ref", "luaL_unref", "lua_gc"};
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
    lua_State *L;      /* the main one */
    int run;           /* in the registry: what runs scripts, 0 before there is a world */
    int broken;        /* and the exception that ended one */
    int speaks;        /* protocol of the client of the script that runs */
    char *frame;       /* its reply */
    size_t used;
    size_t room;
    int told_by_lua; /* it was the sandbox that made the frame */
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

/* ---- scripts ---- */

static void rl_frame_add(rl_lua_calls *calls, const char *p, size_t n) {
    if (calls->used + n > calls->room) {
        calls->room = 2 * (calls->used + n) + 256;
        calls->frame = rl_resize(calls->frame, calls->room);
    }
    rl_copy(calls->frame + calls->used, p, n);
    calls->used += n;
}

static void rl_frame_head(rl_lua_calls *calls, char kind, int64_t number) {
    char text[32];
    int n = 1 + rl_format_int(text + 1, number);
    text[0] = kind;
    text[n] = '\r';
    text[n + 1] = '\n';
    rl_frame_add(calls, text, (size_t)n + 2);
}

/* Adds what stands on top as a part of the frame; 0 where that is not to be done here. Nothing is left on the stack. */
static int rl_frame_value(lua_State *L, rl_lua_calls *calls, int depth) {
    const char *text;
    double number;
    size_t n, head;
    int is_status;
    switch (rl_lua.type(L, -1)) {
    case RL_LUA_STRING:
        text = rl_lua.tolstring(L, -1, &n);
        rl_frame_head(calls, '$', (int64_t)n);
        rl_frame_add(calls, text, n);
        rl_frame_add(calls, "\r\n", 2);
        break;
    case RL_LUA_NUMBER:
        number = rl_lua.tonumber(L, -1);
        if (!(number > -9e18 && number < 9e18))
            return 0;
        rl_frame_head(calls, ':', (int64_t)number);
        break;
    case RL_LUA_TABLE:
        if (depth == RL_LUA_DEPTH)
            return 0;
        for (int i = 0; i < RL_RARE; i++) {
            int there;
            rl_lua.pushvalue(L, RL_AT_RARE - i);
            rl_lua.rawget(L, -2);
            there = rl_lua.type(L, -1) > 0;
            rl_lua.settop(L, -2);
            if (there)
                return 0;
        }
        rl_lua.pushvalue(L, RL_AT_OK);
        rl_lua.rawget(L, -2);
        is_status = rl_lua.type(L, -1) == RL_LUA_STRING;
        if (is_status) {
            text = rl_lua.tolstring(L, -1, &n);
            rl_frame_add(calls, "+", 1);
            head = calls->used;
            rl_frame_add(calls, text, n);
            for (; head < calls->used; head++)
                if (calls->frame[head] == '\r' || calls->frame[head] == '\n')
                    calls->frame[head] = ' ';
            rl_frame_add(calls, "\r\n", 2);
        }
        rl_lua.settop(L, -2);
        if (is_status)
            break;
        n = 0;
        do
            rl_lua.rawgeti(L, -1, (int)++n);
        while (rl_lua.type(L, -1) != 0 && (rl_lua.settop(L, -2), 1));
        rl_lua.settop(L, -2);
        rl_frame_head(calls, '*', (int64_t)n - 1);
        for (size_t i = 1; i < n; i++) {
            rl_lua.rawgeti(L, -1, (int)i);
            if (!rl_frame_value(L, calls, depth + 1))
                return 0;
        }
        break;
    case RL_LUA_BOOLEAN:
        if (rl_lua.toboolean(L, -1)) {
            rl_frame_add(calls, ":1\r\n", 4);
            break;
        } /* false is nothing */
    default:
        if (calls->speaks == 3)
            rl_frame_add(calls, "_\r\n", 3);
        else
            rl_frame_add(calls, "$-1\r\n", 5);
    }
    rl_lua.settop(L, -2);
    return 1;
}

typedef struct {
    int code;         /* in the registry */
    const char *name; /* a digest, or a function's */
    size_t named;
    int is_function; /* its words are not globals, but what it is called with */
    const rl_lua_word *words;
    int keys, count;
} rl_lua_script;

/* A table of words. */
static void rl_lua_words(lua_State *L, const rl_lua_word *words, int count) {
    rl_lua.createtable(L, count, 0);
    for (int i = 0; i < count; i++) {
        rl_lua.pushlstring(L, words[i].p, words[i].n);
        rl_lua.rawseti(L, -2, i + 1);
    }
}

/* Runs a script in the world whose function this is; or a function, which has its own world. */
static int rl_lua_run(lua_State *L) {
    rl_lua_calls *calls = (rl_lua_calls *)rl_lua.touserdata(L, RL_LUA_FIRST_UPVALUE);
    const rl_lua_script *script = (const rl_lua_script *)rl_lua.touserdata(L, 1);
    const char *text;
    size_t n;
    int ok, stopped;
    rl_lua.settop(L, 0);
    rl_lua.pushvalue(L, RL_AT_GLOBALS);
    rl_lua.pushvalue(L, RL_AT_FAILED);
    rl_lua.rawgeti(L, RL_LUA_REGISTRY, script->code);
    if (!script->is_function)
        rl_lua.pushvalue(L, RL_AT_KEYS);
    rl_lua_words(L, script->words, script->keys);
    if (!script->is_function) {
        rl_lua.rawset(L, 1);
        rl_lua.pushvalue(L, RL_AT_ARGV);
    }
    rl_lua_words(L, script->words + script->keys, script->count - script->keys);
    if (!script->is_function)
        rl_lua.rawset(L, 1);
    ok = rl_lua.pcall(L, script->is_function ? 2 : 0, 1, 2) == 0;
    rl_lua.pushvalue(L, RL_AT_ENDED);
    rl_lua.call(L, 0, 1);
    stopped = rl_lua.toboolean(L, -1);
    rl_lua.settop(L, 3);
    calls->used = 0;
    calls->told_by_lua = 0;
    if (ok && !stopped && calls->open) {
        rl_lua.pushvalue(L, 3);
        if (rl_frame_value(L, calls, 0))
            return 0;
    }
    calls->told_by_lua = 1;
    rl_lua.pushvalue(L, RL_AT_OUTCOME);
    rl_lua.pushnumber(L, calls->speaks);
    rl_lua.pushnumber(L, calls->open ? 2 : 3);
    rl_lua.pushboolean(L, stopped);
    rl_lua.pushboolean(L, ok);
    rl_lua.pushlstring(L, script->name, script->named);
    rl_lua.pushvalue(L, 3);
    rl_lua.call(L, 6, 1);
    text = rl_lua.tolstring(L, -1, &n);
    calls->used = 0;
    rl_frame_add(calls, text, n);
    return 0;
}

/* Runs a script; 0 where an exception of Python has ended it, which `rl_lua_raise` raises anew. */
static int rl_lua_start(rl_lua_calls *calls, const rl_lua_script *script) {
    static const char no_room[] = "-ERR not enough memory\r\n";
    lua_State *L = calls->L;
    int top = rl_lua.gettop(L), whole = 1;
    rl_lua.rawgeti(L, RL_LUA_REGISTRY, calls->run);
    rl_lua.pushlightuserdata(L, (void *)script);
    if (rl_lua.pcall(L, 1, 0, 0)) {
        calls->told_by_lua = 1;
        if (rl_lua.type(L, -1) == RL_LUA_USERDATA) {
            rl_lua.rawseti(L, RL_LUA_REGISTRY, calls->broken);
            whole = 0;
        } else {
            calls->used = 0;
            rl_frame_add(calls, no_room, sizeof(no_room) - 1);
        }
    }
    rl_lua.settop(L, top);
    return whole;
}

/* How many KiB Lua holds. */
static int64_t rl_lua_held(rl_lua_calls *calls) { return rl_lua.gc(calls->L, RL_LUA_COUNT, 0); }

static void rl_lua_forget(rl_lua_calls *calls, int code) { rl_lua.unref(calls->L, RL_LUA_REGISTRY, code); }

/* A script's function gets a number. */
static int rl_lua_know(lua_State *L) {
    rl_lua.settop(L, 1);
    rl_lua.pushnumber(L, rl_lua.ref(L, RL_LUA_REGISTRY));
    return 1;
}

/* From now on scripts run in a world with these globals, and with what follows them. */
static int rl_lua_world(lua_State *L) {
    static const char *const names[] = {"KEYS", "ARGV", "ok", "err", "double", "map", "set", "big_number", "verbatim_string"};
    rl_lua_calls *calls = (rl_lua_calls *)rl_lua.touserdata(L, RL_LUA_FIRST_UPVALUE);
    rl_lua.settop(L, RL_GIVEN);
    rl_lua.pushlightuserdata(L, calls);
    rl_lua.insert(L, 1);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        rl_lua.pushlstring(L, names[i], strlen(names[i]));
    rl_lua.pushcclosure(L, rl_lua_run, RL_UPVALUES);
    if (calls->run)
        rl_lua.unref(L, RL_LUA_REGISTRY, calls->run);
    calls->run = rl_lua.ref(L, RL_LUA_REGISTRY);
    return 0;
}

static int rl_lua_raise(lua_State *L) {
    rl_lua_calls *calls = (rl_lua_calls *)rl_lua.touserdata(L, RL_LUA_FIRST_UPVALUE);
    rl_lua.rawgeti(L, RL_LUA_REGISTRY, calls->broken);
    rl_lua.pushboolean(L, 0);
    rl_lua.rawseti(L, RL_LUA_REGISTRY, calls->broken);
    return rl_lua.error(L);
}

/* The functions above for the calls at an address, as package.loadlib finds this one. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int rl_lua_open(lua_State *L) {
    static const rl_lua_function functions[] = {rl_lua_call, rl_lua_know, rl_lua_world, rl_lua_raise};
    rl_lua_calls *calls = (rl_lua_calls *)(uintptr_t)rl_lua.tonumber(L, 1);
    calls->L = L;
    rl_lua.pushboolean(L, 0);
    calls->broken = rl_lua.ref(L, RL_LUA_REGISTRY);
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        rl_lua.pushlightuserdata(L, calls);
        rl_lua.pushcclosure(L, functions[i], 1);
    }
    return sizeof(functions) / sizeof(functions[0]);
}

#endif
