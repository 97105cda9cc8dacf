import FoundationEssentials
import LabCore
import LabState
import Testing

@testable import DNSManager

@Suite("Records")
struct RecordTests {
    @Test(
        "a value is kept in its canonical spelling",
        arguments: [
            (RecordType.aaaa, "FD00:0:0::5", "fd00::5"), (.cname, "NAS.Home.Arpa.", "nas.home.arpa"),
            (.mx, "10  Mail.home.arpa.", "10 mail.home.arpa"), (.mx, "0 .", "0 ."),
            (.srv, "0 5 8080 nas.home.arpa.", "0 5 8080 nas.home.arpa"),
            (.caa, "0 ISSUE letsencrypt.org", #"0 issue "letsencrypt.org""#),
            (.caa, #"128 iodef "mailto:a@example.org""#, #"128 iodef "mailto:a@example.org""#),
            (.txt, #"a "b" \c"#, #"a "b" \c"#),
        ])
    func canonical(type: RecordType, text: String, expected: String) throws {
        #expect(try RecordValue.canonical(text, for: type) == expected)
    }

    @Test(
        "a value that is none is refused",
        arguments: [
            (RecordType.a, "192.168.1"), (.a, "192.168.1.256"), (.a, "fd00::1"), (.a, "192.168.1.5\n"), (.a, ""),
            (.aaaa, "192.168.1.5"), (.aaaa, "fe80::1%eth0"), (.cname, "a b.home.arpa"), (.cname, "192.168.1.5"),
            (.mx, "mail.home.arpa"), (.mx, "70000 mail.home.arpa"), (.mx, "10 192.168.1.5"),
            (.srv, "0 5 nas.home.arpa"), (.srv, "0 5 8080 _nas.home.arpa"), (.caa, "0 issue"), (.caa, "0 is-sue x"),
            (.caa, #"0 issue "a"b""#), (.caa, "256 issue x"), (.txt, "a\0b"), (.ptr, "*.home.arpa"),
        ])
    func refused(type: RecordType, text: String) {
        #expect(throws: InvalidText.self) { try RecordValue.canonical(text, for: type) }
    }

    @Test("a record's JSON names the field that is wrong")
    func fields() throws {
        func fault(_ json: String) -> String? {
            do {
                _ = try JSONText(trusted: json).decode(RecordSpec.self)
                return nil
            } catch {
                return DecodingProblem.field(of: error).pointer
            }
        }
        #expect(fault(#"{"name":"a.home.arpa","type":"A","values":["10.0.0.1"]}"#) == nil)
        #expect(fault(#"{"name":"a.home.arpa","type":"A","values":["10.0.0.1","x"]}"#) == "/values/1")
        #expect(fault(#"{"name":"a.home.arpa","type":"A","values":[]}"#) == "/values")
        #expect(fault(#"{"name":"a.home.arpa","type":"A","values":["10.0.0.1"],"ttl":59}"#) == "/ttl")
        #expect(fault(#"{"name":"a.home.arpa","type":"A","address":"10.0.0.1","values":["10.0.0.1"]}"#) == "/address")
        #expect(fault(#"{"name":"a.home.arpa","type":"PTR","values":["b.home.arpa"]}"#) == "/address")
        #expect(fault(#"{"name":"a.home.arpa","type":"PTR","address":"10.0.0.1","values":["b.home.arpa"]}"#) == "/name")
        #expect(fault(#"{"type":"A","values":["10.0.0.1"]}"#) == "/name")
        #expect(fault(#"{"name":"a.home.arpa","type":"CNAME","values":["b.home.arpa","c.home.arpa"]}"#) == "/values")
    }

    @Test("a record reads back as it was written, and its values are sorted and unique")
    func roundTrip() throws {
        let spec = try RecordSpec(
            name: RecordName("a.home.arpa"), type: .a, values: ["10.0.0.2", "10.0.0.1", "10.0.0.2"])
        #expect(spec.values == ["10.0.0.1", "10.0.0.2"])
        #expect(try JSONText(encoding: spec).decode(RecordSpec.self) == spec)
        let reverse = try RecordSpec(address: IPAddress("fd00::5"), names: ["a.home.arpa"])
        #expect(reverse.name.text == "5." + String(repeating: "0.", count: 29) + "d.f.ip6.arpa")
        #expect(try JSONText(encoding: reverse).decode(RecordSpec.self) == reverse)
    }

    @Test("an alias is published as its target's addresses, through other aliases and wildcards, with the lower TTL")
    func flattening() throws {
        var declared = try Declared()
        try declared.put("nas.home.arpa", .a, "192.168.1.5", ttl: 120)
        try declared.put("nas.home.arpa", .txt, "not an address")
        try declared.put("*.apps.home.arpa", .aaaa, "fd00::9")
        try declared.put("one.home.arpa", .cname, "two.home.arpa")
        let changed = try declared.put("two.home.arpa", .cname, "nas.home.arpa")
        #expect(changed.map(\.text).sorted() == ["one.home.arpa", "two.home.arpa"])
        #expect(try declared.published("one.home.arpa") == ["A 192.168.1.5 120"])
        try declared.put("wild.home.arpa", .cname, "any.apps.home.arpa")
        #expect(try declared.published("wild.home.arpa") == ["AAAA fd00::9 300"])
        let after = try declared.remove("*.apps.home.arpa:aaaa")
        #expect(after.map(\.text).sorted() == ["*.apps.home.arpa", "wild.home.arpa"])
        #expect(try declared.published("wild.home.arpa") == ["CNAME any.apps.home.arpa 300"])
    }

    @Test("aliases that lead back to themselves are not published")
    func loop() throws {
        var declared = try Declared()
        try declared.put("one.home.arpa", .cname, "two.home.arpa")
        try declared.put("two.home.arpa", .cname, "one.home.arpa")
        #expect(try declared.published("one.home.arpa") == [])
        #expect(try declared.refusal("two.home.arpa:cname")?.reason == .aliasLoop)
        try declared.put("two.home.arpa", .a, "10.0.0.1")
        try declared.remove("two.home.arpa:cname")
        #expect(try declared.published("one.home.arpa") == ["A 10.0.0.1 300"])
    }

    @Test("the older of two records that cannot stand together is published")
    func conflicts() throws {
        var declared = try Declared()
        try declared.put("a.home.arpa", .a, "10.0.0.1")
        try declared.put("a.home.arpa", .cname, "b.home.arpa")
        #expect(try declared.refusal("a.home.arpa:a") == nil)
        #expect(try declared.refusal("a.home.arpa:cname")?.reason == .conflicts)
        #expect(try declared.published("a.home.arpa") == ["A 10.0.0.1 300"])
        try declared.put("w.home.arpa", .a, "10.0.0.2")
        try declared.put("*.w.home.arpa", .a, "10.0.0.3")
        #expect(try declared.refusal("*.w.home.arpa:a")?.reason == .unsupported)
        let changed = try declared.remove("w.home.arpa:a")
        #expect(changed.map(\.text).sorted() == ["*.w.home.arpa", "w.home.arpa"])
        try declared.put("c.home.arpa", .a, "10.0.0.4", as: "another")
        #expect(try declared.refusal("another")?.reason == .nameNotCanonical)
        try declared.put("c.example.org", .a, "10.0.0.4")
        #expect(try declared.refusal("c.example.org:a")?.reason == .outsideZones)
    }

    @Test("a public address has no reverse name in the lab")
    func reverseZones() throws {
        var declared = try Declared()
        for (address, isRefused) in [("8.8.8.8", true), ("172.32.0.1", true), ("172.31.0.1", false), ("fe80::1", true)]
        {
            let spec = try RecordSpec(address: IPAddress(address), names: ["a.home.arpa"])
            try declared.put(spec)
            #expect((try declared.refusal(spec.set.resourceName.text) != nil) == isRefused, "\(address)")
        }
    }

    @Test("zones: exceptions below a wildcard get one each, at the topmost name of their branch")
    func zoneLayout() throws {
        var declared = try Declared(zones: "example.org:transparent")
        try declared.put("*.w.home.arpa", .a, "10.0.0.1")
        try declared.put("a.b.w.home.arpa", .a, "10.0.0.2")
        try declared.put("*.c.w.home.arpa", .a, "10.0.0.3")
        try declared.put("d.c.w.home.arpa", .a, "10.0.0.4")
        try declared.put("e.home.arpa", .a, "10.0.0.5")
        let layout = UnboundZone.layout(for: declared.table.publication).map { "\($0.name) \($0.type.rawValue)" }
        #expect(
            layout == [
                "b.w.home.arpa static", "c.w.home.arpa redirect", "d.c.w.home.arpa static",
                "example.org transparent", "home.arpa static", "w.home.arpa redirect",
            ])
    }

    @Test("a line of the file cannot be ended by a value")
    func fileLines() throws {
        let set = RecordSet(
            name: try RecordName("a.home.arpa"), type: .txt, ttl: 300, values: ["'\nlocal-zone: \"x\" refuse\n# \u{7F}"]
        )
        let line = try #require(UnboundRecord.records(of: set, owner: set.name).first).fileLine
        let text = String(decoding: line, as: UTF8.self)
        #expect(text == #"local-data: 'a.home.arpa. 300 IN TXT "\039\010local-zone: \"x\" refuse\010# \127"'"# + "\n")
    }
}
