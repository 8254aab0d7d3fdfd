// What a scanned text is, as far as a browser can tell. The server has the last word.
"use strict";

globalThis.ScanText = (() => {
  const FOREIGN = [
    [/^(WIFI|DPP):/i, "a Wi-Fi code"],
    [/^(BEGIN:VCARD|MECARD:|BIZCARD:)/i, "a contact card"],
    [/^(BEGIN:VCALENDAR|BEGIN:VEVENT)/i, "a calendar entry"],
    [/^(BCD|SPC)\r?\n/, "a payment code"],
    [/^(upi|bitcoin|ethereum|lightning|paypal):/i, "a payment code"],
    [/^000201[^]{44,}$/, "a payment code"],
    [/^tel:/i, "a telephone number"],
    [/^(sms|smsto|mms|mmsto):/i, "a text message"],
    [/^(mailto|matmsg|smtp):/i, "an e-mail address"],
    [/^geo:/i, "a place on a map"],
    [/^otpauth(-migration)?:/i, "a two-factor code"],
    [/^(MT:[0-9A-Z.-]{19,}|X-HM:)/, "a smart-home pairing code"],
    [/^part:$/, "one code of several that belong together"],
  ];
  const LABEL_PATH = /^\/d\/[^/]+\/?$/i; // upper case too: QR codes are smaller that way

  /** Upper case, without spaces and dashes, and with the look-alikes O, I and L as digits. */
  function normalise(text) {
    return text.toUpperCase().replace(/[\s-]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
  }

  function webAddress(text) {
    if (!/^https?:\/\//i.test(text)) return null;
    try {
      return new URL(text);
    } catch {
      return null;
    }
  }

  function ofAddress(url, origins) {
    if (!origins.includes(url.origin)) return { what: `a web address (${url.host.slice(0, 60)})` };
    if (!LABEL_PATH.test(url.pathname)) return { what: "a page of this site, but not a device" };
    return { candidate: true };
  }

  /**
   * `{candidate: true, sure}` for what may be a label, else `{what}`, which names it.
   * `sure`: it has the form of a serial with check characters, so one sighting is enough.
   */
  function classify(text, origins) {
    const foreign = FOREIGN.find(([form]) => form.test(text));
    if (foreign) return { what: foreign[1] };
    const url = webAddress(text);
    if (url) return ofAddress(url, origins);
    if (/^LW:D0:[\x21-\x7e]{1,250}$/i.test(text)) return { candidate: true };
    const plain = normalise(text);
    if (/^[0-9A-Z._:]{4,64}$/.test(plain)) {
      return { candidate: true, sure: /^[0-9A-HJKMNP-TV-Z]{12}$/.test(plain) };
    }
    return { what: "not a label of this site" };
  }

  return { classify, normalise };
})();
