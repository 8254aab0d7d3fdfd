/* What the sketches beside it share: an ESP32 that asks a door over https, keeps what it gave in NVS, sends one report and
 * sleeps. Libraries: the ESP32 core (WiFiClientSecure, HTTPClient, Preferences) and PubSubClient.
 *
 * The factory writes the namespace "factory" of NVS: ssid, wifi, site (https://host), root (PEM of the authority), serial,
 * and what the door needs (token, organisation), or broker (host). None of it is in the firmware. */
#include <HTTPClient.h>
#include <Preferences.h>
#include <PubSubClient.h>
#include <WiFi.h>
#include <WiFiClientSecure.h>
#include <esp_sleep.h>

static const int REFUSALS = 5;  // of the broker, in a row, before a door that renews is asked again: half a minute
static WiFiClientSecure tls;
static String root;  // WiFiClientSecure keeps the pointer alone

static void sleepFor(uint64_t seconds) {
  esp_deep_sleep(seconds * 1000000ULL);  // and begins at setup() again
}

static void waitAbout(uint32_t seconds) {
  delay(seconds * 800 + esp_random() % (seconds * 400 + 1));  // so that a fleet does not come back at once
}

/* What the factory gave; without it the device sleeps. It goes into JSON as it is. */
static String factory(const char *name) {
  Preferences given;
  given.begin("factory", true);
  String value = given.getString(name, "");
  given.end();
  if (value.isEmpty()) {
    Serial.printf("%s is missing\n", name);
    sleepFor(3600);
  }
  return value;
}

static String readKept() {
  Preferences own;
  own.begin("door", true);
  String kept = own.getString("kept", "");
  own.end();
  return kept;
}

/* One string, so NVS has the former or the new one as a whole. */
static String keep(const String &kept) {
  Preferences own;
  own.begin("door", false);
  bool written = own.putString("kept", kept) == kept.length();
  own.end();
  if (!written) {
    Serial.println("it could not keep what it got");
    sleepFor(3600);
  }
  return kept;
}

/* The text, or the number, under a name of a flat JSON object; "" if there is none. */
static String readMember(const String &json, const char *name) {
  int at = json.indexOf(String("\"") + name + "\"");
  if (at < 0) return "";
  at += strlen(name) + 2;
  while (json[at] == ' ' || json[at] == ':') at++;
  if (json[at] == '"') return json.substring(at + 1, json.indexOf('"', at + 1));
  int end = at;
  while (isDigit(json[end])) end++;
  return json.substring(at, end);
}

static String encode(const String &text) {  // percent-encoded, for forms
  String into;
  for (size_t at = 0; at < text.length(); at++) {
    char coded[4];
    snprintf(coded, sizeof coded, isalnum(text[at]) || strchr("-._~", text[at]) ? "%c" : "%%%02X", (uint8_t)text[at]);
    into += coded;
  }
  return into;
}

static void begin() {
  Serial.begin(115200);
  root = factory("root");
  tls.setCACert(root.c_str());
  WiFi.mode(WIFI_STA);
  WiFi.begin(factory("ssid").c_str(), factory("wifi").c_str());
  for (int tries = 0; WiFi.status() != WL_CONNECTED; tries++) {
    if (tries == 60) sleepFor(60);
    delay(500);
  }
}

/* POST until it is no answer upon which one asks again (none, 429, 5xx): the status, and its text in `text`. */
static int ask(const String &path, const char *type, const String &body, const String &authorization, String &text) {
  static const char *names[] = {"Retry-After"};
  for (uint32_t wait = 5;; wait = min<uint32_t>(wait * 2, 60)) {
    HTTPClient http;
    http.collectHeaders(names, 1);
    http.begin(tls, factory("site") + path);
    http.addHeader("Content-Type", type);
    if (!authorization.isEmpty()) http.addHeader("Authorization", authorization);
    int status = http.POST(body);
    text = status > 0 ? http.getString() : HTTPClient::errorToString(status);
    uint32_t told = http.header("Retry-After").toInt();
    http.end();
    if (status > 0 && status != 429 && status < 500) return status;
    Serial.printf("not now: %d %s\n", status, text.c_str());
    if (told)
      delay(told * 1000);
    else
      waitAbout(wait);
  }
}

/* Say why, and ask again in an hour: until then nobody will have changed it. */
static void refuse(int status, const String &text, const char *meaning) {
  Serial.printf("refused: %d %s\n%s\n", status, text.c_str(), meaning);
  sleepFor(3600);
}

/* Send one report, however long it takes. A door that renews is asked again if the broker refuses for long.
 * PubSubClient sends at QoS 0 alone: a report that is lost on its way stays lost. */
static void report(String kept, const char *data, String (*renew)() = nullptr) {
  int refused = 0;
  for (uint32_t wait = 1;; wait = min<uint32_t>(wait * 2, 60)) {
    String host = readMember(kept, "broker"), id = readMember(kept, "deviceId");
    if (host.isEmpty()) host = factory("broker");
    PubSubClient mqtt(tls);
    mqtt.setServer(host.c_str(), 8883);
    mqtt.setBufferSize(1024);
    mqtt.setKeepAlive(30);
    String key = readMember(kept, "accessKey"), secret = readMember(kept, "accessSecret");
    if (mqtt.connect(id.c_str(), key.c_str(), secret.c_str(), nullptr, 0, false, nullptr, false)) {
      String topic = "devices/" + id + "/state", message = String("{\"data\": ") + data + "}";
      if (mqtt.publish(topic.c_str(), message.c_str())) {
        mqtt.disconnect();
        Serial.println("reported");
        return;
      }
    }
    refused += mqtt.state() == MQTT_CONNECT_BAD_CREDENTIALS || mqtt.state() == MQTT_CONNECT_UNAUTHORIZED;
    Serial.printf("the broker: %d; tries again in %u s\n", mqtt.state(), (unsigned)wait);
    tls.stop();
    waitAbout(wait);
    if (renew && refused >= REFUSALS) {
      kept = renew();
      refused = 0;
    }
  }
}
