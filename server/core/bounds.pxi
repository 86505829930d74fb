# How much may wait for a client.
#
# Must live here: what waits against the limits of the client's class, and what a connection takes.  Must not: what the
# limits are (redlark.server.config), or all connections together (redlark.server.bounding).

cdef struct Limit:          # how much may wait for a client of a class, at once and for so long; 0: any amount
    size_t hard
    size_t soft
    int64_t soft_ms

cdef enum:
    NORMAL = 0              # classes of clients
    PUBSUB = 2
    CLASSES = 3
    LEAST_LIMIT = 1 << 14   # replies of a turn that are no longer count for no limit
    CLIENT_BYTES = 1536     # a connection's object and context, about


cdef inline size_t client_memory(Client c) noexcept:
    """Bytes that a connection takes, but for what it has queued."""
    return <size_t>CLIENT_BYTES + c.input.room + c.own.room + landing_memory(&c.landing) + c.partial.room * sizeof(Slice)

cdef size_t clients_memory(Loop loop) except? 0:
    """Bytes that all connections take; and the largest buffers that are now."""
    cdef size_t taken = 0, had = 0, waits = 0
    cdef Client c
    for c in loop.clients.values():
        taken += client_memory(c)
        had = max(had, c.input.room + landing_memory(&c.landing))
        waits = max(waits, c.own.used - c.own.sent)
    loop.largest = had, waits
    return taken

cdef inline void client_check_output(Client c, size_t more) noexcept:
    """How much waits for a client, and is about to be sent to it, against the limits of its class."""
    cdef const Limit* limit = c.loop.limits + (PUBSUB if c.subscribed else NORMAL)
    cdef size_t waiting = c.own.used - c.own.sent + more
    if limit.hard and waiting >= limit.hard:
        client_doom(c)
    elif limit.soft and waiting >= limit.soft:
        if c.soft_since == 0:
            c.soft_since = c.loop.now
        elif c.loop.now - c.soft_since > limit.soft_ms:
            client_doom(c)
    else:
        c.soft_since = 0

cdef inline bint is_over(Loop loop, Client c) noexcept:
    """Is nothing more of a client to be executed, since more waits for it than its class's hard limit allows?"""
    cdef size_t waiting = c.out.used - (c.out.sent if c.out == &c.own else loop.start)
    if waiting > LEAST_LIMIT and loop.limits[PUBSUB if c.subscribed else NORMAL].hard:
        client_check_output(c, 0 if c.out == &c.own else waiting)
    return c.doomed

cdef void client_doom(Client c) noexcept:
    """Nothing is written to it any more; closed it will be later, for who writes may be counting clients just now."""
    cdef Loop loop = c.loop
    if c.doomed or c.state == CLOSED:
        return
    c.doomed = True
    loop.stats.output_overflows += 1
    if c.out == &c.own:
        buffer_drop(&c.own)
    client_note(c)
    try:
        loop.server.overflowed(c)
    except BaseException as error:
        loop_failed(loop, error)

cdef int limits_watch(Loop loop) except -1:
    """Who lets more wait than a soft limit, and for how long: once a cron."""
    cdef Client c
    if loop.limits[NORMAL].soft or loop.limits[PUBSUB].soft:
        for c in list(loop.clients.values()):
            if c.wants_out:
                client_check_output(c, 0)
    return 0
