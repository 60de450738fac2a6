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

int main() {
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
