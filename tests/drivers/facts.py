"""What the drivers do, as the protocol notes record it: the opt-in, its place in the set-up, and the behaviour that the
simulator must bring out. A driver that does something else here contradicts the notes, or the simulator is wrong."""

# Section 1.1: the five words, and the endpoint type that each driver takes 127.0.0.1 for (1.6).
OPT_IN = ["CLIENT", "MAINT_NOTIFICATIONS", "ON", "moving-endpoint-type"]
TYPE_OF_LOOPBACK = {"redis-py": "internal-ip", "redis-py asyncio": "internal-ip", "node-redis": "external-ip"}
PREFIX = b"*5\r\n$6\r\nCLIENT\r\n$19\r\nMAINT_NOTIFICATIONS\r\n$2\r\nON\r\n$20\r\nmoving-endpoint-type\r\n"


def opt_in_bytes(driver):
    kind = TYPE_OF_LOOPBACK[driver].encode()
    return PREFIX + b"$%d\r\n%s\r\n" % (len(kind), kind)


def handshake(driver, chunks, commands):
    """Sections 1.1 and 1.2. Returns what contradicts them."""
    wrong = []
    sent = commands(b"".join(chunks))
    names = [" ".join(words[:2]).upper() if words[0].upper() == "CLIENT" else words[0].upper() for words, _ in sent]
    if names[0] != "HELLO" or sent[0][0][1] != "3":
        wrong.append(f"the first command is {sent[0][0]}, not HELLO 3")
    places = [i for i, name in enumerate(names) if name == "CLIENT MAINT_NOTIFICATIONS"]
    if len(places) != 1:
        return wrong + [f"{len(places)} opt-ins on one connection"]
    place = places[0]
    words, raw = sent[place]
    if raw != opt_in_bytes(driver):
        wrong.append(f"the opt-in is {words}, not {OPT_IN + [TYPE_OF_LOOPBACK[driver]]}")
    together = next(commands(chunk) for chunk in chunks if raw in chunk)
    setup = [i for i, name in enumerate(names) if not name.startswith("INCR")]
    if driver == "node-redis":
        if len(together) < 3 or together[0][0][0].upper() != "HELLO":
            wrong.append("the set-up is not one pipeline")
        if place != setup[-1]:
            wrong.append(f"the opt-in is not the last of the set-up: {names}")
    else:
        if place != 1:
            wrong.append(f"the opt-in does not follow HELLO: {names}")
        if len(together) != 1:
            wrong.append("the opt-in is not a round trip of its own")
    return wrong
