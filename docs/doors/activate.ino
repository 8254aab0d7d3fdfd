/* Door: whitelist and activate, with a token. In NVS: "serial" and "organisation", its name in addresses.
 * Reports over HTTP, so it has to know no device ID and no broker. */
#include "device_esp32.h"

String below(const char *path) {
  return "/o/" + factory("organisation") + path;
}

String activate() {
  String answer;
  String body = "id=" + encode(factory("serial"));
  int status = ask(below("/provision/activate"), "application/x-www-form-urlencoded", body, "", answer);
  if (status != 200) refuse(status, answer, "404: nobody added this serial. 409: an admin opens the window again.");
  return keep(answer);
}

void setup() {
  begin();
  String answer, kept = readKept();
  if (kept.isEmpty()) kept = activate();
  String report = "rpm=1800&load=120.5";
  int status = ask(below("/onep:v1/stack/alias"), "application/x-www-form-urlencoded", report, "Token " + kept, answer);
  if (status != 204) refuse(status, answer, "The device's page says whether it is locked, retired or its token revoked.");
  Serial.println("reported");
  sleepFor(600);
}

void loop() {}
