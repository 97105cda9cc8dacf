import LabCore
import Testing

@Suite("Names")
struct HostnameTests {
    @Test(
        "a host name is made canonical",
        arguments: [
            ("NAS.Home.arpa.", "nas.home.arpa"), ("a.b", "a.b"), ("xn--bcher-kva.home.arpa", "xn--bcher-kva.home.arpa"),
        ])
    func canonical(_ given: String, _ expected: String) throws {
        #expect(try Hostname(given).text == expected)
    }

    @Test(
        "what is not a host name is refused",
        arguments: [
            "", "nas", "a..b", ".a.b", "-a.home.arpa", "a-.home.arpa", "a b.home.arpa", "a\nb.home.arpa", "ä.home.arpa",
            "_dmarc.home.arpa", "*.home.arpa", "192.168.1.1", "ab--c.home.arpa", "printer.local", "a;b.home.arpa",
            String(repeating: "a", count: 64) + ".home.arpa", String(repeating: "abcdefgh.", count: 30) + "arpa",
        ])
    func refused(_ given: String) {
        #expect(throws: InvalidText.self) { try Hostname(given) }
    }

    @Test("a record's name may have underscores and a star in front")
    func recordNames() throws {
        #expect(try RecordName("_https._tcp.nas.home.arpa").text == "_https._tcp.nas.home.arpa")
        #expect(try RecordName("*.apps.home.arpa").withoutWildcard.text == "apps.home.arpa")
        #expect(throws: InvalidText.self) { try RecordName("a.*.home.arpa") }
        #expect(throws: InvalidText.self) { try RecordName("a_b.home.arpa") }
    }

    @Test("a name lies inside its zone and not inside one that only ends alike")
    func inside() throws {
        let zone = try Hostname("home.arpa")
        #expect(try Hostname("nas.home.arpa").isInside(zone))
        #expect(try !Hostname("nasahome.arpa").isInside(zone))
    }

    @Test("an app's name is one label", arguments: ["", "a.b", "A", "-a", "a-", "1234", "a_b", "../x", "ab--c"])
    func appNames(_ given: String) {
        #expect(throws: InvalidText.self) { try AppName(given) }
    }
}
