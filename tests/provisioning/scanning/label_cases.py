"""What labels name, for the server and for the browser: both read each of these texts alike."""

from __future__ import annotations

ORIGIN = "https://labels.example"
METER, GATEWAY = "METER0000042", "KANARRA01339"
MAC, OTHER_MAC, IMEI = "001B44113AB7", "001B44113AB8", "861234567890301"
GTIN, EUI, JOIN_EUI = "09506000134352", "70B3D57ED0001234", "70B3D57ED0009999"
TWO, NONE = "two devices", "nothing"

# A label's text -> the serial or address that is its device's own, first of all that it says.
NAMES: dict[str, str] = {
    # A part's, a gateway's or a former device's is not the device's own.
    f"SN: {METER}\nGateway SN: {GATEWAY}": METER,
    f"S/N: {METER}\nParent S/N: {GATEWAY}": METER,
    f"SN: {METER}, BT: x, Base SN: {GATEWAY}": METER,
    f"SN:{METER};SIM SN:{GATEWAY}": METER,
    f"Battery SN: {GATEWAY}\nSN: {METER}": METER,
    f"Old SN: {GATEWAY}\nNew SN: {METER}": METER,
    f"Old meter SN: {GATEWAY} New meter SN: {METER}": METER,
    f"SN:{METER} GW MAC:{MAC}": METER,
    f"SN:{METER} GW-MAC:{MAC}": METER,
    f"Model: KG250 Gateway SN: {GATEWAY}\nSN: {METER}": METER,
    f"Replaces SN: {GATEWAY}": NONE,
    f"Battery SN: {GATEWAY}": NONE,
    f"Charger S/N: {GATEWAY}": NONE,
    f"Gateway S/N {GATEWAY}": NONE,
    f'{{"sn":"{METER}","parent":{{"sn":"{GATEWAY}"}}}}': METER,
    f'{{"sn":"{METER}","gateway":{{"mac":"{MAC}"}}}}': METER,
    f'{{"sn":"{METER}","modem":{{"imei":"{IMEI}"}}}}': METER,
    f'{{"sn":"{METER}","anything":{{"sn":"{GATEWAY}"}}}}': METER,
    f'{{"parentDevice":{{"sn":"{GATEWAY}"}},"sn":"{METER}"}}': METER,
    f'{{"sn":"{METER}","gateway_sn":"{GATEWAY}"}}': METER,
    f'{{"model":"KG","oldDevice":{{"sn":"{GATEWAY}"}}}}': NONE,
    f'{{"model":"KG","device":{{"sn":"{METER}"}}}}': METER,
    f'{{"mac":"{MAC}","device":{{"sn":"{METER}"}}}}': METER,
    f'[{{"unit":{{"serialNumber":"{METER}"}}}}]': METER,
    f"https://maker.example/?sn={METER}&gateway_sn={GATEWAY}": METER,
    f"https://maker.example/?parent_sn={GATEWAY}": NONE,
    f"(01){GTIN}(21){METER}(250){GATEWAY}": METER,
    f"KANARRA01339\nSN: {METER}": METER,
    # Two of which a device has but one.
    f"SN: {METER}; SN: {GATEWAY}": TWO,
    f"Pump SN: {METER}\nDrive SN: {GATEWAY}": TWO,
    f"[)>\x1e06\x1dS{METER}\x1dS{GATEWAY}\x1e\x04": TWO,
    f"https://maker.example/?sn={METER}&sn={GATEWAY}": TWO,
    f'[{{"sn":"{METER}"}},{{"sn":"{GATEWAY}"}}]': TWO,
    f"(01){GTIN}(21){METER}\n(01){GTIN}(21){GATEWAY}": TWO,
    f"{METER}\n{GATEWAY}": TWO,
    f"MAC:{MAC} MAC:{OTHER_MAC}": TWO,
    # Several of one device.
    f"SN: {METER}\nWiFi MAC: {MAC}\nBLE MAC: {OTHER_MAC}": METER,
    f"SN: {METER} IMEI: {IMEI} ICCID: 8949000000012340000": METER,
    f"WiFi MAC: {MAC}\nBLE MAC: {OTHER_MAC}": MAC,
    f"MAC1:{MAC} MAC2:{OTHER_MAC}": MAC,
    f"IMEI1: {IMEI}\nIMEI2: 861234567890302": IMEI,
    f"IMEI:{IMEI} SN:{METER}": METER,
    f"SN: {METER}\nS/N: {METER.lower()}": METER,
    f"DevEUI: {EUI}\nJoinEUI: {JOIN_EUI}": EUI,
    f"LW:D0:{JOIN_EUI}:{EUI}:AABB1122": EUI,
    f"LW:D0:{JOIN_EUI}:{EUI}:AABB1122:S{METER}": METER,
    f"{METER}\nKG-250": METER,
    f"{METER}\n2026-11-30\nMade in Utah": METER,
    f"Type: GW SN: {METER}": METER,
    # An id is of anything.
    f"https://maker.example/?id={METER}": NONE,
    "https://shop.example/?id=42": NONE,
    f"https://maker.example/?device_id={METER}": NONE,
    f"https://maker.example/?uuid={METER}": NONE,
    f"https://maker.example/?sn={METER}&id=42": METER,
    f"https://maker.example/?mac={MAC}&id=42": MAC,
    '{"id":42,"type":"manual"}': NONE,
    f'{{"sn":"{METER}","id":"{GATEWAY}"}}': METER,
    # Writings.
    **{
        f"{name}{METER}": METER
        for name in (
            *("S.N.: ", "S.N. ", "SNR: ", "SNR ", "Ser.Nr.: ", "Ser. No. ", "S-N: ", "N/S: ", "FSN:", "SN1:", "SN#"),
            *("Serial No.: ", "Serial Number ", "Seriennummer: ", "Serien-Nr. ", "Nº serie: ", "S / N = ", "sn="),
        )
    },
    f"*{METER}*": METER,
    "GW-\n0001": "GW0001",
    f"\u202d{METER}\u202c": METER,
    f"MAC1: {MAC}": MAC,
    f"BLE: {MAC}": MAC,
    "BLE: 00:1b:44:11:3a:b7": MAC,
    f"eui-{EUI.lower()}": EUI,
    f"0x{EUI}": EUI,
    "001b:4411:3ab7": MAC,
    "001B.4411.3AB7": MAC,
    f"http://labels.example./d/{METER}": METER,
    f"http://labels.example/d//{METER}": METER,
    f"{ORIGIN}/d/{METER}?from={GATEWAY}": METER,
    f"https://id.gs1.org/01/{GTIN}/21/{METER}": METER,
    f"01{GTIN}10LOT7\x1d21{METER}": METER,
}

# Two codes in view, and whether they are of one device.
IN_VIEW: list[tuple[str, str, bool]] = [
    (GATEWAY, f"SN:{METER}\nGW:{GATEWAY}", False),
    (GATEWAY, f'{{"sn":"{METER}","gateway":"{GATEWAY}"}}', False),
    (GATEWAY, f"PN:{GATEWAY};SN:{METER}", False),
    (GATEWAY, f"https://maker.example/?sn={METER}&gw={GATEWAY}", False),
    (GATEWAY, f"{ORIGIN}/d/{METER}?from={GATEWAY}", False),
    (GATEWAY, f"{GATEWAY}-METER", False),
    (GATEWAY, f"(01){GTIN}(21){METER}(250){GATEWAY}", False),
    (GATEWAY, f"SN: {METER}\nGateway SN: {GATEWAY}", False),
    (GATEWAY, f"{GATEWAY}\nSN: {METER}", False),
    (GATEWAY, f"{METER}\n{GATEWAY}", False),
    (GATEWAY, f"SN:{METER}; SN:{GATEWAY}", False),
    (MAC, f"SN:{METER} GW MAC:{MAC}", False),
    (JOIN_EUI, f"LW:D0:{JOIN_EUI}:{EUI}:AABB1122", False),
    (f"SN:{METER} MAC:{MAC}", f"SN:{GATEWAY} MAC:{MAC}", False),
    (METER, GATEWAY, False),
    (METER, f"{METER}\nMAC:{MAC}", True),
    (EUI, f"LW:D0:{JOIN_EUI}:{EUI}:AABB1122", True),
    (METER, f"LW:D0:{JOIN_EUI}:{EUI}:AABB1122:S{METER}", True),
    (METER, f"SN:{METER}\nGW:{GATEWAY}", True),
    (MAC, f"SN:{METER} MAC:00-1b-44-11-3a-b7", True),
    (IMEI, f"IMEI:{IMEI} SN:{METER}", True),
    (METER, f"{ORIGIN}/d/{METER}", True),
    (METER, f"01{GTIN}21{METER}", True),
    (METER, f"https://id.gs1.org/01/{GTIN}/21/{METER}", True),
    (METER, f"{METER}\nKG-250", True),
    (f"SN: {METER}", f'{{"serial":"{METER}"}}', True),
]
