// The C++ wrapper: a connection, its opt-in, a MOVING; errors are exceptions, handles move.
#include "sch.hpp"

#include <cstdio>
#include <cstdlib>
#include <type_traits>

#define CHECK(what)                                                     \
    do {                                                                \
        if (!(what)) {                                                  \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #what); \
            std::exit(1);                                               \
        }                                                               \
    } while (0)

static_assert(!std::is_copy_constructible_v<sch::conn> && std::is_nothrow_move_constructible_v<sch::conn>);
static_assert(!std::is_copy_constructible_v<sch::config> && std::is_nothrow_move_constructible_v<sch::config>);

static std::string receive(sch::conn &conn, std::uint64_t transport, std::string_view data) {
    std::string parsed;
    while (!data.empty()) {
        sch_span spans[4];
        const auto got = conn.receive(2, transport, data, spans, 4);
        for (std::size_t i = 0; i < got.count; i++)
            parsed.append(reinterpret_cast<const char *>(spans[i].data), spans[i].len);
        data.remove_prefix(got.consumed);
    }
    return parsed;
}

static void clusters() {
    sch::config settings;
    const sch::cluster slots(settings);
    CHECK(sch::cluster::key_slot("{foo}bar") == 12182 && !slots.owner(0) && !slots.poll_action());
    const auto seq = slots.reload_started(1);
    CHECK(!seq && slots.subscribe("foo").second == 0);
    slots.load_slots(1, "*1\r\n*4\r\n:0\r\n:16383\r\n*2\r\n+a\r\n:1\r\n*2\r\n+b\r\n:1\r\n", "a", 1, seq);
    const auto a = slots.owner_of_key("foo"), b = slots.replica(0, 0);
    CHECK(a && b && *a != *b && slots.find_node("b", 1) == b && !slots.replica(0, 1));
    CHECK(std::string_view(slots.node(*a)->host) == "a" && slots.node(*a)->slots == 16384 && !slots.node(99));
    CHECK(slots.poll_action()->what.kind == SCH_CLUSTER_DIAL_NODE);
    const auto first = slots.poll_action();
    CHECK(first->what.kind == SCH_CLUSTER_MOVE_SUBSCRIPTIONS && first->what.node == *a && first->ranges.size() == 1);
    CHECK(!slots.push(2, "+OK\r\n"));
    CHECK(slots.push(2, ">3\r\n+SMIGRATED\r\n:3\r\n*1\r\n*3\r\n+a:1\r\n+b:1\r\n+1,3\r\n"));
    const auto moved = slots.poll_action();
    CHECK(moved->what.kind == SCH_CLUSTER_SLOTS_MOVED && moved->moves.size() == 1 && moved->ranges.size() == 2);
    CHECK(moved->moves[0].source == *a && moved->moves[0].destination == *b && slots.owner(3) == b);
    CHECK(slots.redirected(3, "MOVED 5 b:1", "a", 1)->node == *b && slots.moved(3, 6, "b", 1) == *b);
    CHECK(!slots.redirected(3, "ERR", "a", 1) && slots.next_deadline() && slots.unsubscribe("foo"));
    CHECK(slots.counters().moved == 2);
    std::string said;
    const auto hear = [](std::int32_t, const char *text, std::size_t len, void *where) {
        static_cast<std::string *>(where)->append(text, len).append("\n");
    };
    slots.set_log(SCH_LOG_WARN, hear, &said);
    CHECK(slots.moved(4, 9, "c", 3) && said.empty());
    try {
        slots.load_shards(4, "-ERR unknown subcommand\r\n", "a", 1, std::nullopt);
        CHECK(false);
    } catch (const sch::error &error) {
        CHECK(error.status() == SCH_ERR_NOT_A_SLOT_MAP);
        CHECK(std::string_view(error.what()).find("unknown subcommand") != std::string_view::npos);
    }
    CHECK(said == "event=load-refused why=error-reply reply=ERR\n");
    try {
        slots.set_log(9, hear, &said);
        CHECK(false);
    } catch (const sch::error &error) {
        CHECK(error.status() == SCH_ERR_ARGUMENT && std::string_view(error.what()).find("SCH_LOG") != std::string_view::npos);
    }
    slots.set_log(SCH_LOG_NONE, nullptr, nullptr);
}

int main() {
    clusters();
    sch::config settings;
    settings.host("a").port(6379).relaxed_timeout_ms(10000);
    CHECK(settings.problem().empty());
    sch::conn first(settings);
    sch::conn conn = std::move(first);

    const auto dial = conn.dial(1, 0);
    CHECK(dial && dial->transport == 1 && std::string_view(dial->host, dial->host_len) == "a");
    CHECK(!conn.current() && !conn.dial(1, 1));
    CHECK(conn.action_text().empty());
    conn.connected(1, 1, "10.0.0.1:6379");
    const auto submitted = conn.submit(1, "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n");
    CHECK(submitted.transport == 1 && submitted.write_now == 22 && submitted.first == 1);
    CHECK(receive(conn, 1, "%1\r\n$5\r\nproto\r\n:3\r\n") == "%1\r\n$5\r\nproto\r\n:3\r\n");
    CHECK(conn.poll_action()->kind == SCH_ACTION_WRITE);
    CHECK(conn.region(1).find("MAINT_NOTIFICATIONS") != std::string_view::npos);
    conn.wrote(1, 1, conn.region(1).size());
    CHECK(receive(conn, 1, "+OK\r\n").empty() && conn.is_active());
    CHECK(receive(conn, 1, ">4\r\n$6\r\nMOVING\r\n:7\r\n:15\r\n$6\r\nb:6380\r\n").empty());
    CHECK(conn.poll_action()->kind == SCH_ACTION_RELAX);
    CHECK(*conn.effective_timeout_ms(500) == 10000 && !conn.effective_timeout_ms(std::nullopt));
    const auto open = conn.poll_action();
    CHECK(open->kind == SCH_ACTION_OPEN && open->port == 6380 && std::string_view(open->host) == "b");
    CHECK(conn.action_text().rfind("open 2 b:6380 attempt=1 by=", 0) == 0);
    CHECK(!conn.poll_action() && conn.next_deadline() && conn.phase() == SCH_PHASE_OPENING);
    CHECK(conn.counters().handoffs_started == 1);

    try {
        conn.swapped(2);
        CHECK(false);
    } catch (const sch::error &error) {
        CHECK(error.status() == SCH_ERR_UNEXPECTED && !error.is_fatal());
        CHECK(std::string_view(error.what()).find("SWAP") != std::string_view::npos);
    }
    try {
        settings.port(0);
        sch::conn broken(settings);
        CHECK(false);
    } catch (const sch::error &error) {
        CHECK(error.status() == SCH_ERR_CONFIG && std::string_view(error.what()).find("port") != std::string_view::npos);
    }
    std::puts("ok");
    return 0;
}
