/* What the programs beside it share: ask a door over http, keep what it gave, send one report by MQTT.
 *
 * C99 and POSIX sockets, nothing else. There is no TLS in it: on a device, put your TLS library where `dial`, `send`
 * and `recv` are. All is told by the environment: SITE (http://host:port), SERIAL, BROKER (mqtt://host:port), KEPT (a
 * file), and of a door its token. JSON is read by literal text, as all that a door answers allows: names are there
 * once, and no secret has a character that JSON escapes. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 4096, REFUSALS = 5 }; /* of the broker, in a row, before a door that renews is asked again: half a minute */
#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"

static inline void stop(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

/* Write as printf does, and end rather than cut something off. */
static inline void put(char into[TEXT], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(into, TEXT, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= TEXT) stop("too long");
}

/* What is set under a name, without which the program ends. It goes into JSON and headers as it is. */
static inline const char *setting(const char *name) {
    const char *value = getenv(name);
    if (!value || !*value) {
        fputs(name, stderr);
        stop(" is missing");
    }
    for (const char *at = value; *at; at++)
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ') stop("a setting has a character that it can't have");
    return value;
}

/* Wait about so long, so that a whole fleet does not come back at once. */
static inline void wait_about(double seconds) {
    seconds *= 0.8 + 0.4 * rand() / RAND_MAX;
    struct timespec span = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
    nanosleep(&span, NULL);
}

static inline void encode(char into[TEXT], const char *text) { /* percent-encoded, for forms */
    size_t used = 0;
    for (; *text && used < TEXT - 4; text++) {
        int plain = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", *text) != NULL;
        used += (size_t)sprintf(into + used, plain ? "%c" : "%%%02X", (unsigned char)*text);
    }
    into[used] = 0;
}

/* JSON by literal text ----------------------------------------------------------------------------------------- */

static inline const char *find_member(const char *json, const char *name) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", name);
    const char *at = strstr(json, quoted);
    return at ? at + strlen(quoted) + strspn(at + strlen(quoted), " :") : NULL;
}

/* The text under a name; 0 if there is none. */
static inline int read_text(const char *json, const char *name, char into[TEXT]) {
    const char *at = find_member(json, name);
    if (!at || *at++ != '"') return 0;
    size_t length = strcspn(at, "\"");
    if (at[length] != '"' || length >= TEXT) return 0;
    memcpy(into, at, length);
    into[length] = 0;
    return 1;
}

static inline void need_text(const char *json, const char *name, char into[TEXT]) {
    if (!read_text(json, name, into)) stop("the answer lacks something: that is no door");
}

static inline long read_number(const char *json, const char *name, long otherwise) {
    const char *at = find_member(json, name);
    return at && *at >= '0' && *at <= '9' ? strtol(at, NULL, 10) : otherwise;
}

/* What it keeps ------------------------------------------------------------------------------------------------ */

/* 0 if nothing was kept. */
static inline int read_kept(char into[TEXT]) {
    FILE *file = fopen(setting("KEPT"), "r");
    into[file ? fread(into, 1, TEXT - 1, file) : 0] = 0;
    if (file) fclose(file);
    return *into != 0;
}

/* Write it for this user alone; whenever the power fails, the former file or the new one is there as a whole. */
static inline void keep(const char *json) {
    char made[TEXT];
    put(made, "%s.new", setting("KEPT"));
    int file = open(made, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    size_t length = strlen(json);
    if (file < 0 || write(file, json, length) != (ssize_t)length || fsync(file) || close(file) ||
        rename(made, setting("KEPT")))
        stop("it could not keep what it got");
}

/* HTTP --------------------------------------------------------------------------------------------------------- */

/* Connect to "scheme://host:port/path"; what follows the port is returned in `path`. -1 if nobody is there. */
static inline int dial(const char *url, const char *scheme, const char *port, char host[TEXT], const char **path) {
    size_t length = strlen(scheme);
    if (strncmp(url, scheme, length)) stop("an address that this program can't speak to: it has no TLS");
    url += length;
    *path = url + strcspn(url, "/");
    put(host, "%.*s", (int)(*path - url), url);
    char name[TEXT];
    put(name, "%s", host);
    char *colon = strrchr(name, ':');
    if (colon) *colon = 0;
    struct addrinfo hints = {0}, *found = NULL;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(name, colon ? colon + 1 : port, &hints, &found)) return -1;
    int line = -1;
    for (struct addrinfo *each = found; each && line < 0; each = each->ai_next) {
        struct timeval patience = {30, 0};
        line = socket(each->ai_family, each->ai_socktype, each->ai_protocol);
        if (line < 0) continue;
        setsockopt(line, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        setsockopt(line, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        if (connect(line, each->ai_addr, each->ai_addrlen)) {
            close(line);
            line = -1;
        }
    }
    freeaddrinfo(found);
    return line;
}

static inline int send_all(int line, const void *bytes, size_t length) {
    const char *at = bytes;
    while (length) {
        ssize_t sent = send(line, at, length, 0);
        if (sent <= 0) return 0;
        at += sent;
        length -= (size_t)sent;
    }
    return 1;
}

/* A header that is a number; its name is the same in any case. */
static inline long read_header(const char *head, const char *name, long otherwise) {
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line + 2, name, length) && line[2 + length] == ':') return strtol(line + 3 + length, NULL, 10);
    return otherwise;
}

/* Ask once: the status, and the text of the answer; 0 if none came. */
static inline int ask_once(const char *method, const char *path, const char *authorization, const char *type,
                           const char *body, char text[TEXT], long *retry) {
    char host[TEXT], sent[2 * TEXT], head[2 * TEXT];
    const char *below;
    *retry = text[0] = 0;
    int line = dial(setting("SITE"), "http://", "80", host, &below);
    if (line < 0) return 0;
    int length = snprintf(sent, sizeof sent,
                          "%s %s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: %s\r\n"
                          "Content-Length: %lu\r\n%s%s%s\r\n%s",
                          method, below, path, host, type, (unsigned long)strlen(body),
                          *authorization ? "Authorization: " : "", authorization, *authorization ? "\r\n" : "", body);
    if (length < 0 || (size_t)length >= sizeof sent) stop("too long");
    size_t used = 0;
    char *end = NULL;
    long wanted = 0;
    if (send_all(line, sent, (size_t)length))
        while (used < sizeof head - 1) {
            ssize_t got = recv(line, head + used, sizeof head - 1 - used, 0);
            if (got <= 0) break;
            head[used += (size_t)got] = 0;
            if (!end && (end = strstr(head, "\r\n\r\n"))) {
                *end = 0;
                end += 4;
                wanted = read_header(head, "Content-Length", 0);
                *retry = read_header(head, "Retry-After", 0);
            }
            if (end && head + used - end >= wanted) break;
        }
    close(line);
    if (!end || head + used - end < wanted || strncmp(head, "HTTP/1.", 7)) return 0;
    put(text, "%.*s", (int)wanted, end);
    return atoi(head + 9);
}

/* Ask until it is no answer of those upon which one asks again: `again` (0 ends it), 429 and 5xx. */
static inline int ask(const char *method, const char *path, const char *authorization, const char *type,
                      const char *body, const int *again, char text[TEXT]) {
    for (double wait = 5;; wait = wait < 30 ? wait * 2 : 60) {
        long retry;
        int status = ask_once(method, path, authorization, type, body, text, &retry), repeat = 0;
        for (const int *each = again; each && *each; each++) repeat |= *each == status;
        if (status && status != 429 && status < 500 && !repeat) return status;
        printf("not now: %d %s; asks again in %.0f s\n", status, text, retry ? (double)retry : wait);
        fflush(stdout);
        wait_about(retry ? retry * 1.25 : wait);
    }
}

/* End. Whoever watches over this program starts it again, not before an hour went by. */
static inline void refuse(int status, const char *text, const char *meaning) {
    fprintf(stderr, "refused: %d %s\n%s\n", status, text, meaning);
    exit(1);
}

/* MQTT 3.1.1 --------------------------------------------------------------------------------------------------- */

struct packet {
    unsigned char bytes[TEXT];
    size_t length;
};

static inline void add(struct packet *packet, const void *bytes, size_t length) {
    if (packet->length + length > sizeof packet->bytes) stop("too long");
    memcpy(packet->bytes + packet->length, bytes, length);
    packet->length += length;
}

static inline void add_text(struct packet *packet, const char *text) {
    size_t length = strlen(text);
    unsigned char size[2] = {(unsigned char)(length >> 8), (unsigned char)length};
    add(packet, size, 2);
    add(packet, text, length);
}

static inline int send_packet(int line, unsigned char kind, const struct packet *packet) {
    unsigned char head[5] = {kind};
    size_t used = 1, left = packet->length;
    do {
        head[used] = left & 127;
        left >>= 7;
        if (left) head[used] |= 128;
        used++;
    } while (left);
    return send_all(line, head, used) && send_all(line, packet->bytes, packet->length);
}

/* Read packets until one of this kind comes: its first four bytes of content. 0 if the connection ended. */
static inline int await_packet(int line, unsigned char kind, unsigned char content[4]) {
    for (unsigned char byte, found;;) {
        size_t length = 0, shift = 0;
        if (recv(line, &found, 1, 0) != 1) return 0;
        do {
            if (recv(line, &byte, 1, 0) != 1 || shift > 21) return 0;
            length |= (size_t)(byte & 127) << shift;
            shift += 7;
        } while (byte & 128);
        for (size_t at = 0; at < length; at++) {
            if (recv(line, &byte, 1, 0) != 1) return 0;
            if (at < 4) content[at] = byte;
        }
        if ((found & 0xF0) == kind) return 1;
    }
}

/* 0: acknowledged. Above: the broker's refusal. -1: the connection failed. */
static inline int report_once(const char *kept, const char *data) {
    char host[TEXT], broker[TEXT], id[TEXT], key[TEXT], secret[TEXT], text[TEXT];
    const char *rest, *given = getenv("BROKER");
    unsigned char content[4] = {0};
    if (given && *given)
        put(broker, "%s", given);
    else if (!read_text(kept, "broker", broker))
        put(broker, "%s", setting("BROKER"));
    need_text(kept, "deviceId", id);
    need_text(kept, "accessKey", key);
    need_text(kept, "accessSecret", secret);
    int line = dial(broker, "mqtt://", "1883", host, &rest), result = -1;
    if (line < 0) return result;
    struct packet hello = {{0}, 0}, message = {{0}, 0}, goodbye = {{0}, 0};
    add_text(&hello, "MQTT");
    add(&hello, "\4\xC0\0\36", 4); /* level 4; user name, password, no clean session; keep alive 30 s */
    add_text(&hello, id);
    add_text(&hello, key);
    add_text(&hello, secret);
    put(text, "devices/%s/state", id);
    add_text(&message, text);
    add(&message, "\0\1", 2); /* packet 1 */
    put(text, "{\"data\": %s}", data);
    add(&message, text, strlen(text));
    if (send_packet(line, 0x10, &hello) && await_packet(line, 0x20, content)) {
        result = content[1];
        if (!result) result = send_packet(line, 0x32, &message) && await_packet(line, 0x40, content) ? 0 : -1;
        send_packet(line, 0xE0, &goodbye);
    }
    close(line);
    return result;
}

/* Send one report, however long it takes. A door that renews is asked again if the broker refuses for long. */
static inline void report(char kept[TEXT], const char *data, void (*renew)(char kept[TEXT])) {
    int result, refused = 0;
    for (double wait = 1; (result = report_once(kept, data)); wait = wait < 30 ? wait * 2 : 60) {
        printf("the broker: %s %d; tries again in %.0f s\n", result > 0 ? "refused" : "no connection", result, wait);
        fflush(stdout);
        wait_about(wait);
        refused += result > 0;
        if (renew && refused >= REFUSALS) {
            renew(kept);
            refused = 0;
        }
    }
    puts("reported");
}

static inline void begin(void) {
    signal(SIGPIPE, SIG_IGN);
    srand((unsigned)time(NULL) ^ (unsigned)getpid());
}
