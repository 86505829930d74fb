# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
# cython: embedsignature=False, binding=False, auto_pickle=False
"""The compiled core: event loop, RESP parser, reply encoder, hash table, hot commands.

One extension module, redlark.server._core, made of a few files, each one concept:

    bytework.h    checksums and compression
    bytework.pxi  their face
    clib.h        hashing, integers as text, clocks, addresses
    slab.h        memory for entries
    listpack.h    small collections in one allocation
    listpack.pxi  their elements as replies and as Python's bytes
    quicklist.h   lists that are too long for one
    quicklist.pxi lists, short and long
    objects.pxi   an entry: key, value and deadline in one allocation
    buckets.pxi   the hash table: buckets of a cache line, incremental rehash, SCAN cursors
    later.pxi     large tables are freed in steps
    table.pxi     a keyspace's: entries
    packed.pxi    small collections that stand in entries by themselves
    database.pxi  a keyspace: its writes, and what Python commands see
    intset.h      small sets of integers
    members.pxi   tables of members: what large collections are
    set.pxi       sets
    hash.pxi      hashes
    ranks.pxi, packed_scores.pxi, sorted_set.pxi
                  sorted sets: the order of large ones, the small ones, the type
    doubles.pxi   scores as texts
    stream.pxi, stream_changes.pxi
                  streams: their nodes, and what writes to them
    pending.h, groups.pxi
                  groups of their consumers
    befalling.pxi who is told what becomes of keys; expiry
    reply.pxi     output buffers and RESP
    parser.pxi    requests out of bytes
    landing.pxi   where large arguments come to lie
    strings.pxi   the hot commands: on strings and keys,
    text_commands.pxi, longdouble.h, sketch.h, lcs.h
                  on parts of strings, sums, sketches and subsequences,
    bit_commands.pxi, bitfield.h
                  on bits of strings,
    value_commands.pxi
                  on values of any type,
    dumping.pxi, restoring.pxi, restoring_streams.pxi
                  which are told as bytes, and made of them,
    list_commands.pxi, set_commands.pxi, hash_commands.pxi, zset_commands.pxi, stream_commands.pxi,
    group_commands.pxi
                  on lists, on sets, on hashes, on sorted sets, on streams, on groups of consumers
    key_commands.pxi, blocking_commands.pxi, name_commands.pxi
                  on deadlines of keys, on copies, on what is taken out, on what may wait, on ranges of names
    scan_commands.pxi, glob.h
                  that walk in steps
    roll.pxi      members of several sets and sorted sets together, and the hot commands:
    set_algebra.pxi, zset_algebra.pxi
                  on several of them
    sort.pxi      SORT
    usage.pxi     how often hot commands ran, and for how long
    geo.h         places as cells of a grid
    geo.pxi       searches among them, and the hot commands
    dispatch.pxi  hot or Python, in batches
    client.pxi    a connection
    bounds.pxi    how much may wait for it
    loop.pxi      epoll, cron, timers
    luacalls.h    hot commands that scripts call, as Lua sees them
    luacalls.pxi  and as the loop does

It keeps the promises of redlark.server.interfaces, as redlark.server.plain does.  Everything here runs under the GIL, on
one thread for each loop; cdef functions are noexcept unless they call Python code that may raise.  No state is global but
the hash's secret, so several servers can live in one process.
"""

import os
import traceback
from collections.abc import Mapping, Sequence
from functools import partial
from random import getrandbits as RANDOM_BITS

cimport cython

from cpython.buffer cimport Py_buffer, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.list cimport PyList_GET_SIZE, PyList_New, PyList_SET_ITEM
from cpython.ref cimport Py_INCREF, Py_XDECREF, PyObject
from libc.limits cimport INT_MAX
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, qsort
from libc.string cimport memchr, memcmp, memcpy, memmove, memset

from redlark.server.doubles import _power as POWER_OF_TEN
from redlark.server.fields import met as FIELDS_MET
from redlark.server.interfaces import CommandError as COMMAND_ERROR
from redlark.server.interfaces import NoReply as NO_REPLY
from redlark.server.interfaces import NullArray as NULL_ARRAY
from redlark.server.interfaces import Push as PUSH
from redlark.server.interfaces import SetReply as SET_REPLY
from redlark.server.interfaces import Sizes as SIZES
from redlark.server.interfaces import Status as STATUS
from redlark.server.interfaces import Verbatim as VERBATIM
from redlark.server.notifications import EXPIRED, MISSED, NEW
from redlark.server.observing import NEVER
from redlark.server.watching import changed as WATCHED_CHANGED

cdef extern from *:
    """
    #define RL_SAID(x) #x
    #define RL_VERSION(a, b, c) RL_SAID(a) "." RL_SAID(b) "." RL_SAID(c)
    #if defined(__GNUC__) && !defined(__clang__)
    #define RL_COMPILER RL_VERSION(__GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__)
    #else
    #define RL_COMPILER "0.0.0"
    #endif
    """
    const char* RL_COMPILER

NAME = "compiled"
COMPILER = RL_COMPILER.decode()     # GCC's version; of another one 0.0.0

cdef class Loop
cdef class Client
cdef class Ending
cdef class Hash
cdef class Group
cdef class ScriptCalls

include "objects.pxi"
include "buckets.pxi"
include "later.pxi"
include "table.pxi"
include "database.pxi"
include "befalling.pxi"
include "eviction.pxi"
include "reply.pxi"
include "listpack.pxi"
include "quicklist.pxi"
include "members.pxi"
include "set.pxi"
include "hash.pxi"
include "ends.pxi"
include "ending.pxi"
include "leaves.pxi"
include "ranks.pxi"
include "packed_scores.pxi"
include "sorted_set.pxi"
include "doubles.pxi"
include "stream.pxi"
include "stream_changes.pxi"
include "groups.pxi"
include "parser.pxi"
include "landing.pxi"
include "usage.pxi"
include "dispatch.pxi"
include "client.pxi"
include "bounds.pxi"
include "loop.pxi"
include "strings.pxi"
include "text_commands.pxi"
include "bit_commands.pxi"
include "set_commands.pxi"
include "hash_commands.pxi"
include "zset_commands.pxi"
include "field_commands.pxi"
include "scan_commands.pxi"
include "dumping.pxi"
include "restoring.pxi"
include "restoring_streams.pxi"
include "value_commands.pxi"
include "stream_commands.pxi"
include "group_commands.pxi"
include "reference_commands.pxi"
include "stream_info.pxi"
include "packed.pxi"
include "sizes.pxi"
include "roll.pxi"
include "set_algebra.pxi"
include "zset_algebra.pxi"
include "zset_ranges.pxi"
include "geo.pxi"
include "list_commands.pxi"
include "name_commands.pxi"
include "blocking_commands.pxi"
include "key_commands.pxi"
include "moving.pxi"
include "seldom.pxi"
include "sort.pxi"
include "luacalls.pxi"
include "bytework.pxi"


cdef void choose_secret() except *:
    cdef bytes secret = os.urandom(16)
    memcpy(rl_secret, <const char*>secret, 16)

choose_secret()
