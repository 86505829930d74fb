"""The conformance suite: holds any server that speaks RESP to the specification, and says where it differs.

It meets servers over a socket only. What a reply may be is asked of `redlark.reference`; what can be asked of a server
is read from `redlark.spec`; no rule about Redis lives here.
"""
