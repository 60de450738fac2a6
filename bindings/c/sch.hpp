// sch.hpp - RAII for sch.h, C++17, header only. Handles are move-only; failures are exceptions, ordinary answers are not.
// What is borrowed, and for how long, is as in sch.h.
#ifndef SCH_HPP
#define SCH_HPP

#include "sch.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sch {

// A call that failed. `status()` is SCH_ERR_*.
class error : public std::runtime_error {
public:
    error(sch_status status, const std::string &text) : std::runtime_error(text), status_(status) {}
    sch_status status() const noexcept { return status_; }
    bool is_fatal() const noexcept { return status_ <= SCH_ERR_FATAL; }

private:
    sch_status status_;
};

namespace detail {
struct free_config {
    void operator()(sch_config *config) const noexcept { sch_config_free(config); }
};
struct free_cluster {
    void operator()(sch_cluster *cluster) const noexcept { sch_cluster_free(cluster); }
};
struct free_conn {
    void operator()(sch_conn *conn) const noexcept { sch_conn_free(conn); }
};
inline const std::uint8_t *bytes(std::string_view data) noexcept {
    return reinterpret_cast<const std::uint8_t *>(data.data());
}
inline std::string_view view(const std::uint8_t *data, std::size_t len) noexcept {
    return {reinterpret_cast<const char *>(data), len};
}
template <class T> T sized() noexcept {
    T out;
    std::memset(&out, 0, sizeof out);
    out.struct_size = sizeof out;
    return out;
}
} // namespace detail

// Settings. Setters that are not here are called on `get()`, with `check`.
class config {
public:
    config() {
        sch_config *raw = nullptr;
        check(sch_config_new(&raw));
        raw_.reset(raw);
    }
    sch_config *get() const noexcept { return raw_.get(); }

    static void check(sch_status status) {
        if (status < 0) throw error(status, sch_status_str(status));
    }
    config &host(std::string_view text) { return done(sch_config_set_host(get(), text.data(), text.size())); }
    config &port(std::uint16_t port) { return done(sch_config_set_port(get(), port)); }
    config &tls(bool tls) { return done(sch_config_set_tls(get(), tls)); }
    config &levels(std::int32_t in, std::int32_t out) {
        check(sch_config_set_level_in(get(), in));
        return done(sch_config_set_level_out(get(), out));
    }
    config &mode(std::int32_t mode) { return done(sch_config_set_mode(get(), mode)); }
    config &relaxed_timeout_ms(std::uint64_t ms) { return done(sch_config_set_relaxed_timeout_ms(get(), ms)); }
    config &limit(std::int32_t limit, std::uint64_t value) {
        return done(sch_config_set_limit(get(), limit, value));
    }
    // Empty if nothing is wrong.
    std::string problem() const {
        const char *text = nullptr;
        std::size_t len = 0;
        const sch_status status = sch_config_problem(get(), &text, &len);
        check(status);
        return status == SCH_OK ? std::string(text, len) : std::string();
    }

private:
    config &done(sch_status status) {
        check(status);
        return *this;
    }
    std::unique_ptr<sch_config, detail::free_config> raw_;
};

struct received {
    std::size_t consumed;
    std::size_t count;
};

// One connection.
class conn {
public:
    explicit conn(const config &settings) {
        sch_conn *raw = nullptr;
        const sch_status status = sch_conn_new(SCH_ABI_VERSION, settings.get(), &raw);
        if (status == SCH_ERR_CONFIG) throw error(status, settings.problem());
        config::check(status);
        raw_.reset(raw);
    }
    sch_conn *get() const noexcept { return raw_.get(); }

    // Throws with the text of the last error. For calls on `get()`, too.
    bool check(sch_status status) const {
        if (status >= 0) return status == SCH_OK;
        const char *text = nullptr;
        std::size_t len = 0;
        if (sch_conn_last_error(get(), &text, &len) == SCH_OK) throw error(status, std::string(text, len));
        throw error(status, sch_status_str(status));
    }

    // Transports
    std::optional<sch_dial> dial(std::uint64_t now_ns, std::size_t nth) {
        auto out = detail::sized<sch_dial>();
        return check(sch_conn_dial(get(), now_ns, nth, &out)) ? std::optional(out) : std::nullopt;
    }
    void connected(std::uint64_t now_ns, std::uint64_t transport, std::string_view peer = {}) {
        check(sch_conn_connected(get(), now_ns, transport, peer.data(), peer.size()));
    }
    void connect_failed(std::uint64_t now_ns, std::uint64_t transport) {
        check(sch_conn_connect_failed(get(), now_ns, transport));
    }
    void closed(std::uint64_t now_ns, std::uint64_t transport, std::string_view unwritten = {}) {
        check(sch_conn_closed(get(), now_ns, transport, detail::bytes(unwritten), unwritten.size()));
    }

    // Bytes
    received receive(std::uint64_t now_ns, std::uint64_t transport, std::string_view data, sch_span *spans,
                     std::size_t cap) {
        received out{0, 0};
        check(sch_conn_receive(get(), now_ns, transport, detail::bytes(data), data.size(), spans, cap, &out.consumed,
                               &out.count));
        return out;
    }
    sch_submitted submit(std::uint64_t now_ns, std::string_view data) {
        auto out = detail::sized<sch_submitted>();
        check(sch_conn_submit(get(), now_ns, detail::bytes(data), data.size(), &out));
        return out;
    }
    std::string_view region(std::uint64_t transport) const {
        const std::uint8_t *data = nullptr;
        std::size_t len = 0;
        check(sch_conn_region(get(), transport, &data, &len));
        return detail::view(data, len);
    }
    void wrote(std::uint64_t now_ns, std::uint64_t transport, std::size_t len) {
        check(sch_conn_wrote(get(), now_ns, transport, len));
    }
    bool cancel(std::uint64_t now_ns, std::uint64_t number) {
        bool withdrawn = false;
        check(sch_conn_cancel(get(), now_ns, number, &withdrawn));
        return withdrawn;
    }

    // Answers and statements
    void swapped(std::uint64_t now_ns) { check(sch_conn_swapped(get(), now_ns)); }
    void swap_refused(std::uint64_t now_ns) { check(sch_conn_swap_refused(get(), now_ns)); }
    void held(std::uint64_t now_ns) { check(sch_conn_held(get(), now_ns)); }
    void ready(std::uint64_t now_ns, std::uint64_t transport) { check(sch_conn_ready(get(), now_ns, transport)); }
    void resp2(std::uint64_t now_ns, std::uint64_t transport) { check(sch_conn_resp2(get(), now_ns, transport)); }
    void in_flight(std::uint64_t now_ns, std::uint64_t n) { check(sch_conn_in_flight(get(), now_ns, n)); }
    void owe(std::uint64_t now_ns, std::uint64_t replies) { check(sch_conn_owe(get(), now_ns, replies)); }
    void owe_on(std::uint64_t now_ns, std::uint64_t transport, std::uint64_t replies) {
        check(sch_conn_owe_on(get(), now_ns, transport, replies));
    }
    void fence(std::uint64_t now_ns, std::int32_t fence, bool open) {
        check(sch_conn_fence(get(), now_ns, fence, open));
    }
    void optin_reply(std::uint64_t now_ns, std::uint64_t transport, std::string_view reply) {
        check(sch_conn_optin_reply(get(), now_ns, transport, detail::bytes(reply), reply.size()));
    }
    // True: it was a maintenance notification, nobody else needs it.
    bool push(std::uint64_t now_ns, std::uint64_t transport, std::string_view frame) {
        bool swallowed = false;
        check(sch_conn_push(get(), now_ns, transport, detail::bytes(frame), frame.size(), &swallowed));
        return swallowed;
    }
    void losses_settled(std::uint64_t now_ns) { check(sch_conn_losses_settled(get(), now_ns)); }
    void credentials(std::uint64_t now_ns, std::string_view username, std::string_view password) {
        check(sch_conn_credentials(get(), now_ns, username.data(), username.size(), detail::bytes(password),
                                   password.size()));
    }
    void tick(std::uint64_t now_ns) { check(sch_conn_tick(get(), now_ns)); }
    void close(std::uint64_t now_ns) { check(sch_conn_close(get(), now_ns)); }

    // Outputs
    std::optional<sch_action> poll_action() {
        auto out = detail::sized<sch_action>();
        return check(sch_conn_poll_action(get(), &out)) ? std::optional(out) : std::nullopt;
    }
    std::optional<sch_slot_move> slot_move(std::size_t index) const {
        auto out = detail::sized<sch_slot_move>();
        return check(sch_conn_slot_move(get(), index, &out)) ? std::optional(out) : std::nullopt;
    }
    // The action that was polled last, as one line; empty before the first.
    std::string action_text() const {
        std::size_t len = 0;
        if (!check(sch_conn_action_text(get(), nullptr, 0, &len))) return {};
        std::string text(len, '\0');
        check(sch_conn_action_text(get(), &text[0], len + 1, &len));
        return text;
    }
    std::optional<std::uint64_t> next_deadline() const {
        bool has = false;
        std::uint64_t deadline = 0;
        check(sch_conn_next_deadline(get(), &has, &deadline));
        return has ? std::optional(deadline) : std::nullopt;
    }
    // `nullopt` is no timeout.
    std::optional<std::uint64_t> effective_timeout_ms(std::optional<std::uint64_t> configured) const {
        std::uint64_t ms = 0;
        bool infinite = false;
        check(sch_conn_effective_timeout_ms(get(), configured.value_or(0), !configured, &ms, &infinite));
        return infinite ? std::nullopt : std::optional(ms);
    }
    std::size_t wait_on(sch_wait *waits, std::size_t cap) const {
        std::size_t count = 0;
        check(sch_conn_wait_on(get(), waits, cap, &count));
        return count;
    }
    std::int32_t phase() const {
        std::int32_t phase = 0;
        check(sch_conn_phase(get(), &phase));
        return phase;
    }
    std::optional<std::uint64_t> current() const {
        std::uint64_t id = 0;
        return check(sch_conn_current(get(), &id)) ? std::optional(id) : std::nullopt;
    }
    bool is_active() const {
        bool active = false;
        check(sch_conn_is_active(get(), &active));
        return active;
    }
    sch_counters counters() const {
        auto out = detail::sized<sch_counters>();
        check(sch_conn_counters(get(), &out));
        return out;
    }
    std::optional<std::string_view> poll_trace() {
        const char *text = nullptr;
        std::size_t len = 0;
        if (!check(sch_conn_poll_trace(get(), &text, &len))) return std::nullopt;
        return std::string_view(text, len);
    }
    // The callback must not throw.
    void set_log(std::int32_t level, sch_log_fn callback, void *user_data) {
        check(sch_conn_set_log(get(), level, callback, user_data));
    }
    // After an error that `is_fatal`: what was accepted and not written.
    std::string salvage() {
        const std::uint8_t *data = nullptr;
        std::size_t len = 0;
        config::check(sch_conn_salvage(get(), &data, &len));
        return std::string(detail::view(data, len));
    }

private:
    std::unique_ptr<sch_conn, detail::free_conn> raw_;
};

// The slots of a cluster. All threads may use one at once.
class cluster {
public:
    // A node has a number above 0 that stays while its address does.
    using node_id = std::uint64_t;
    struct action {
        sch_cluster_action what;
        std::vector<sch_cluster_move> moves;
        std::vector<sch_slot_range> ranges;
    };

    explicit cluster(const config &settings) {
        sch_cluster *raw = nullptr;
        const sch_status status = sch_cluster_new(SCH_ABI_VERSION, settings.get(), &raw);
        if (status == SCH_ERR_CONFIG) throw error(status, settings.problem());
        config::check(status);
        raw_.reset(raw);
    }
    sch_cluster *get() const noexcept { return raw_.get(); }

    // Throws with the text of the last error. For calls on `get()`, too.
    bool check(sch_status status) const {
        if (status >= 0) return status == SCH_OK;
        char text[512];
        std::size_t len = 0;
        if (sch_cluster_last_error(get(), text, sizeof text, &len) == SCH_OK) throw error(status, text);
        throw error(status, sch_status_str(status));
    }

    // The map
    void map_address(std::string_view from, std::string_view to) const {
        check(sch_cluster_map_address(get(), from.data(), from.size(), to.data(), to.size()));
    }
    std::optional<std::uint64_t> reload_started(std::uint64_t now_ns) const {
        bool has = false;
        std::uint64_t seq = 0;
        check(sch_cluster_reload_started(get(), now_ns, &has, &seq));
        return has ? std::optional(seq) : std::nullopt;
    }
    void load_slots(std::uint64_t now_ns, std::string_view reply, std::string_view asked_host, std::uint16_t asked_port,
                    std::optional<std::uint64_t> seq) const {
        check(sch_cluster_load_slots(get(), now_ns, detail::bytes(reply), reply.size(), asked_host.data(),
                                     asked_host.size(), asked_port, seq.has_value(), seq.value_or(0)));
    }
    void load_shards(std::uint64_t now_ns, std::string_view reply, std::string_view asked_host, std::uint16_t asked_port,
                     std::optional<std::uint64_t> seq) const {
        check(sch_cluster_load_shards(get(), now_ns, detail::bytes(reply), reply.size(), asked_host.data(),
                                      asked_host.size(), asked_port, seq.has_value(), seq.value_or(0)));
    }
    void reload_failed(std::uint64_t now_ns) const { check(sch_cluster_reload_failed(get(), now_ns)); }
    void ask_reload(std::uint64_t now_ns) const { check(sch_cluster_ask_reload(get(), now_ns)); }

    // What was heard
    void slots_moved(std::uint64_t now_ns, const conn &from) const {
        check(sch_cluster_slots_moved(get(), now_ns, from.get()));
    }
    void reload_asked(std::uint64_t now_ns, std::optional<std::uint64_t> seq) const {
        check(sch_cluster_reload_asked(get(), now_ns, seq.has_value(), seq.value_or(0)));
    }
    // True: it was an SMIGRATED.
    bool push(std::uint64_t now_ns, std::string_view frame) const {
        bool taken = false;
        check(sch_cluster_push(get(), now_ns, detail::bytes(frame), frame.size(), &taken));
        return taken;
    }
    // `nullopt`: the error is no redirection.
    std::optional<sch_redirection> redirected(std::uint64_t now_ns, std::string_view text, std::string_view asked_host,
                                              std::uint16_t asked_port) const {
        auto out = detail::sized<sch_redirection>();
        return check(sch_cluster_redirected(get(), now_ns, detail::bytes(text), text.size(), asked_host.data(),
                                            asked_host.size(), asked_port, &out))
                   ? std::optional(out)
                   : std::nullopt;
    }
    node_id moved(std::uint64_t now_ns, std::uint16_t slot, std::string_view host, std::uint16_t port) const {
        node_id node = 0;
        check(sch_cluster_moved(get(), now_ns, slot, host.data(), host.size(), port, &node));
        return node;
    }
    // Slot, and the node to subscribe on: 0 if the slot has no owner yet.
    std::pair<std::uint16_t, node_id> subscribe(std::string_view channel) const {
        std::pair<std::uint16_t, node_id> out{0, 0};
        check(sch_cluster_subscribe(get(), detail::bytes(channel), channel.size(), &out.first, &out.second));
        return out;
    }
    bool unsubscribe(std::string_view channel) const {
        return check(sch_cluster_unsubscribe(get(), detail::bytes(channel), channel.size()));
    }
    void tick(std::uint64_t now_ns) const { check(sch_cluster_tick(get(), now_ns)); }

    // Outputs
    std::optional<std::uint64_t> next_deadline() const {
        bool has = false;
        std::uint64_t deadline = 0;
        check(sch_cluster_next_deadline(get(), &has, &deadline));
        return has ? std::optional(deadline) : std::nullopt;
    }
    std::optional<action> poll_action() const {
        action out{detail::sized<sch_cluster_action>(), {}, {}};
        for (;;) {
            const sch_status status =
                sch_cluster_poll_action(get(), &out.what, out.moves.data(), out.moves.size(), out.ranges.data(),
                                        out.ranges.size());
            if (status != SCH_MORE && !check(status)) return std::nullopt;
            // Another thread may have taken what there was room for.
            const bool done = status == SCH_OK;
            out.moves.resize(out.what.moves_len);
            out.ranges.resize(out.what.ranges_len);
            if (done) return out;
        }
    }
    std::optional<node_id> owner(std::uint16_t slot) const {
        node_id node = 0;
        return check(sch_cluster_owner(get(), slot, &node)) ? std::optional(node) : std::nullopt;
    }
    std::optional<node_id> owner_of_key(std::string_view key) const {
        node_id node = 0;
        return check(sch_cluster_owner_of_key(get(), detail::bytes(key), key.size(), &node)) ? std::optional(node)
                                                                                           : std::nullopt;
    }
    std::optional<node_id> replica(std::uint16_t slot, std::size_t nth) const {
        node_id node = 0;
        return check(sch_cluster_replica(get(), slot, nth, &node)) ? std::optional(node) : std::nullopt;
    }
    std::optional<sch_node> node(node_id id) const {
        auto out = detail::sized<sch_node>();
        return check(sch_cluster_node(get(), id, &out)) ? std::optional(out) : std::nullopt;
    }
    std::optional<node_id> find_node(std::string_view host, std::uint16_t port) const {
        node_id id = 0;
        return check(sch_cluster_find_node(get(), host.data(), host.size(), port, &id)) ? std::optional(id)
                                                                                        : std::nullopt;
    }
    // The callback may come from any thread; see sch_pool_set_log.
    void set_log(std::int32_t level, sch_log_fn callback, void *user_data) const {
        check(sch_cluster_set_log(get(), level, callback, user_data));
    }
    sch_cluster_counts counters() const {
        auto out = detail::sized<sch_cluster_counts>();
        check(sch_cluster_counters(get(), &out));
        return out;
    }
    static std::uint16_t key_slot(std::string_view key) {
        std::uint16_t slot = 0;
        config::check(sch_key_slot(detail::bytes(key), key.size(), &slot));
        return slot;
    }

private:
    std::unique_ptr<sch_cluster, detail::free_cluster> raw_;
};

} // namespace sch

#endif
