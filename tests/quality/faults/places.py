"""Faults of places (the GEO family)."""

from __future__ import annotations

from . import answers, asks, elements, instead, number, text, with_word, without

GEO = "geo"


asks("GEODIST ignores its unit", GEO, "GEODIST", lambda asked: asked[:4])
asks("GEOADD ignores NX", GEO, "GEOADD", lambda asked: without(asked, b"NX"))
asks("GEOADD ignores XX", GEO, "GEOADD", lambda asked: without(asked, b"XX"))
asks("GEOADD CH counts only what is new", GEO, "GEOADD", lambda asked: without(asked, b"CH"))
asks("GEOSEARCH DESC means ASC", GEO, "GEOSEARCH", lambda asked: instead(asked, b"DESC", b"ASC"))
asks("GEOSEARCH ignores WITHDIST", GEO, "GEOSEARCH", lambda asked: without(asked, b"WITHDIST"))
asks("GEOSEARCH ignores WITHHASH", GEO, "GEOSEARCH", lambda asked: without(asked, b"WITHHASH"))
asks("GEOSEARCH ignores COUNT", GEO, "GEOSEARCH", lambda asked: without(without(asked, b"COUNT", 1) or asked, b"ANY"))
asks("GEOSEARCH takes kilometres for miles", GEO, "GEOSEARCH", lambda asked: instead(asked, b"KM", b"MI"))
asks("GEOSEARCHSTORE stores no distances", GEO, "GEOSEARCHSTORE", lambda asked: without(asked, b"STOREDIST"))
asks("GEOPOS tells only the first", GEO, "GEOPOS", lambda asked: asked[:3])
answers("GEODIST has five decimals", GEO, "GEODIST", lambda raw, _: text(raw, lambda t: t + b"0"))
answers(
    "GEOHASH has ten letters",
    GEO,
    "GEOHASH",
    lambda raw, _: elements(raw, lambda parts: [text(p, lambda t: t[:-1]) or p for p in parts]),
)
answers(
    "GEOPOS has longitude and latitude exchanged",
    GEO,
    "GEOPOS",
    lambda raw, _: elements(raw, lambda parts: [elements(p, lambda pair: pair[::-1]) or p for p in parts]),
)
answers("GEOADD counts what was there", GEO, "GEOADD", lambda raw, _: number(raw, lambda n: n + 1))
answers(
    "a longitude out of range is told otherwise",
    GEO,
    "GEOADD",
    lambda raw, _: b"-ERR value is not a valid float\r\n" if b"invalid longitude" in raw else None,
    errors=True,
)
asks("GEOADD moves by a degree", GEO, "GEOADD", lambda asked: with_word(asked, 2, lambda n: n + 1))
