import LabCore
import LabTesting
import Testing

@testable import DNSManager

/// The driver on a real Unbound: each trap of its control channel and configuration.
@Suite("Unbound")
struct UnboundResolverTests {
    /// Declares, publishes and expects success.
    private func publish(
        changing names: Set<RecordName>, of declared: Declared, with resolver: UnboundResolver
    ) async {
        let report = await resolver.publish(declared.table.publication, changing: names)
        #expect(report.live == nil)
        #expect(report.stored == nil)
        #expect(report.refused.isEmpty)
    }

    @Test("each type of record is answered as it was declared, and again after a kill and a restart")
    func everyType() async throws {
        try await withPrivateUnbound { unbound in
            var declared = try Declared()
            let resolver = try unbound.makeResolver()
            let hostile = #"v=x; "quoted" \ back 'single' #hash ümlaut \#n\#t end \x07"#
            let long = String(repeating: "abcdefghi ", count: 150)
            try declared.put("nas.home.arpa", .a, "192.168.1.5", "192.168.1.6")
            try declared.put("nas.home.arpa", .aaaa, "FD00:0::5")
            try declared.put("nas.home.arpa", .txt, hostile, long, "")
            try declared.put("nas.home.arpa", .mx, "10 mail.home.arpa")
            try declared.put("nas.home.arpa", .caa, "0 issue letsencrypt.org")
            try declared.put("_http._tcp.nas.home.arpa", .srv, "0 5 8080 nas.home.arpa")
            try declared.put("none.home.arpa", .mx, "0 .")
            try declared.put(RecordSpec(address: IPAddress("192.168.1.5"), names: ["nas.home.arpa"]))
            try declared.put(RecordSpec(address: IPAddress("fd00::5"), names: ["nas.home.arpa"]))
            try declared.put("outside.home.arpa", .cname, "example.org")
            await publish(changing: Set(declared.table.publication.names.keys), of: declared, with: resolver)

            func check() async throws {
                for (name, sets) in declared.table.publication.names {
                    for set in sets {
                        let answers = await resolver.answer([Question(name, set.type)])
                        let answer = try answers[0].get()
                        #expect(answer.sets.filter { $0.name == name } == [set])
                    }
                }
                #expect(try await unbound.ask("missing.home.arpa", .a) == "NXDOMAIN")
            }
            try await check()
            let drift = try await resolver.compare(with: declared.table.publication)
            #expect(drift.names.isEmpty)
            #expect(drift.unmanaged.isEmpty)

            try await unbound.killAndWaitUntilReady()
            try await check()
            let later = try await resolver.compare(with: declared.table.publication)
            #expect(later.names.isEmpty)
        }
    }

    @Test("a change is answered without a reload, and leaves other types at its name alone")
    func change() async throws {
        try await withPrivateUnbound { unbound in
            var declared = try Declared()
            let resolver = try unbound.makeResolver()
            try declared.put("nas.home.arpa", .a, "192.168.1.5")
            try declared.put("nas.home.arpa", .txt, "one")
            await publish(changing: [try RecordName("nas.home.arpa")], of: declared, with: resolver)
            // A reload would forget what was added by hand.
            try await unbound.control("local_data hand.home.arpa 300 IN A 10.9.9.9")
            let changed = try declared.put("nas.home.arpa", .a, "192.168.1.6")
            await publish(changing: changed, of: declared, with: resolver)
            #expect(try await unbound.ask("nas.home.arpa", .a) == "A 192.168.1.6")
            #expect(try await unbound.ask("nas.home.arpa", .txt) == "TXT one")
            #expect(try await unbound.ask("hand.home.arpa", .a) == "A 10.9.9.9")
            let removed = try declared.remove("nas.home.arpa:a")
            await publish(changing: removed, of: declared, with: resolver)
            #expect(try await unbound.ask("nas.home.arpa", .a) == "NODATA")
            await publish(changing: try declared.remove("nas.home.arpa:txt"), of: declared, with: resolver)
            #expect(try await unbound.ask("nas.home.arpa", .txt) == "NXDOMAIN")
        }
    }

    @Test("a record that was changed or removed by hand is found and made right; what others added is left alone")
    func drift() async throws {
        try await withPrivateUnbound { unbound in
            var declared = try Declared()
            let resolver = try unbound.makeResolver()
            for number in 1...20 { try declared.put("host\(number).home.arpa", .a, "192.168.1.\(number)") }
            await publish(changing: Set(declared.table.publication.names.keys), of: declared, with: resolver)
            try await unbound.control("local_data_remove host1.home.arpa")
            try await unbound.control("local_data host2.home.arpa 300 IN A 10.6.6.6")
            try await unbound.control("local_data stranger.home.arpa 300 IN A 10.7.7.7")
            try await unbound.control("local_data host3.home.arpa 300 IN TXT \"added at a name that is ours\"")

            let drift = try await resolver.compare(with: declared.table.publication)
            #expect(drift.names.map(\.text).sorted() == ["host1.home.arpa", "host2.home.arpa", "host3.home.arpa"])
            #expect(drift.unmanaged == ["stranger.home.arpa. 300 IN A 10.7.7.7"])
            await publish(changing: drift.names, of: declared, with: resolver)
            #expect(try await unbound.ask("host1.home.arpa", .a) == "A 192.168.1.1")
            #expect(try await unbound.ask("host2.home.arpa", .a) == "A 192.168.1.2")
            #expect(try await unbound.ask("host3.home.arpa", .txt) == "NODATA")
            #expect(try await unbound.ask("stranger.home.arpa", .a) == "A 10.7.7.7")
            let healed = try await resolver.compare(with: declared.table.publication)
            #expect(healed.names.isEmpty)
        }
    }

    @Test("a file that Unbound would not start with is refused, and the resolver still answers from the last good one")
    func badInclude() async throws {
        try await withPrivateUnbound { unbound in
            var declared = try Declared()
            let resolver = try unbound.makeResolver()
            try declared.put("nas.home.arpa", .a, "192.168.1.5")
            await publish(changing: [try RecordName("nas.home.arpa")], of: declared, with: resolver)
            let process = await unbound.pid
            let good = try Files.read(unbound.recordsFile)
            let main = try Files.read(unbound.configuration)
            try Files.write(
                main + Array("server:\n  no-such-option: 1\n".utf8), to: unbound.configuration, isDurable: false)

            // A wildcard needs a reload, after which Unbound would be gone.
            let changed = try declared.put("*.apps.home.arpa", .a, "192.168.1.9")
            let report = await resolver.publish(declared.table.publication, changing: changed)
            #expect(report.stored?.reason == .configuration)
            #expect(report.live?.reason == .configuration)
            #expect(report.stored?.detail.contains("no-such-option") ?? false)
            #expect(await unbound.pid == process)
            #expect(try await unbound.ask("nas.home.arpa", .a) == "A 192.168.1.5")
            #expect(try Files.read(unbound.recordsFile) == good)

            try Files.write(main, to: unbound.configuration, isDurable: false)
            await publish(changing: changed, of: declared, with: resolver)
            #expect(try await unbound.ask("any.apps.home.arpa", .a) == "A 192.168.1.9")
        }
    }

    @Test("a main configuration that does not include the records is refused with what to add")
    func notIncluded() async throws {
        try await withPrivateUnbound { unbound in
            let main = String(decoding: try Files.read(unbound.configuration), as: UTF8.self)
            let without = main.replacing("include: \"\(unbound.recordsFile)\"", with: "")
            try Files.write(Array(without.utf8), to: unbound.configuration, isDurable: false)
            let resolver = try unbound.makeResolver()
            var declared = try Declared()
            let changed = try declared.put("nas.home.arpa", .a, "192.168.1.5")
            let report = await resolver.publish(declared.table.publication, changing: changed)
            #expect(report.stored?.detail.contains("include: \"\(unbound.recordsFile)\"") ?? false)
        }
    }

    @Test("the records are found through an include with a pattern, as Debian has it")
    func includedByPattern() async throws {
        try await withPrivateUnbound { unbound in
            let main = String(decoding: try Files.read(unbound.configuration), as: UTF8.self)
            let pattern = main.replacing(
                "include: \"\(unbound.recordsFile)\"", with: "include-toplevel: \(unbound.directory)/rec*.conf\nserver:"
            )
            try Files.write(Array(pattern.utf8), to: unbound.configuration, isDurable: false)
            let resolver = try unbound.makeResolver()
            var declared = try Declared()
            await publish(changing: try declared.put("nas.home.arpa", .a, "192.168.1.5"), of: declared, with: resolver)
            #expect(try await unbound.ask("nas.home.arpa", .a) == "A 192.168.1.5")
        }
    }

    @Test("a wildcard answers at every depth, a name below it and what lies below that name do not follow it")
    func wildcard() async throws {
        try await withPrivateUnbound { unbound in
            var declared = try Declared()
            let resolver = try unbound.makeResolver()
            try declared.put("*.apps.home.arpa", .a, "192.168.1.9")
            try declared.put("own.apps.home.arpa", .a, "192.168.1.10")
            try declared.put("a.deep.apps.home.arpa", .a, "192.168.1.11")
            try declared.put("zebra.home.arpa", .a, "192.168.1.12")
            await publish(changing: [], of: declared, with: resolver)
            try await unbound.control("local_data hand.home.arpa 300 IN TXT \"tab\there\"")

            func check() async throws {
                #expect(try await unbound.ask("any.apps.home.arpa", .a) == "A 192.168.1.9")
                #expect(try await unbound.ask("x.y.z.apps.home.arpa", .a) == "A 192.168.1.9")
                #expect(try await unbound.ask("any.apps.home.arpa", .aaaa) == "NODATA")
                #expect(try await unbound.ask("own.apps.home.arpa", .a) == "A 192.168.1.10")
                #expect(try await unbound.ask("below.own.apps.home.arpa", .a) == "NXDOMAIN")
                #expect(try await unbound.ask("a.deep.apps.home.arpa", .a) == "A 192.168.1.11")
                #expect(try await unbound.ask("other.deep.apps.home.arpa", .a) == "NXDOMAIN")
                #expect(try await unbound.ask("zebra.home.arpa", .a) == "A 192.168.1.12")
            }
            try await check()
            // Another exception needs a zone, so a reload; what somebody else added survives that.
            await publish(
                changing: try declared.put("new.apps.home.arpa", .a, "192.168.1.13"), of: declared, with: resolver)
            try await check()
            #expect(try await unbound.ask("new.apps.home.arpa", .a) == "A 192.168.1.13")
            #expect(try await unbound.ask("hand.home.arpa", .txt) == "TXT tab\there")
            let drift = try await resolver.compare(with: declared.table.publication)
            #expect(drift.names.isEmpty)
            // Without its exception the name follows the wildcard again.
            await publish(changing: try declared.remove("own.apps.home.arpa:a"), of: declared, with: resolver)
            #expect(try await unbound.ask("own.apps.home.arpa", .a) == "A 192.168.1.9")
            await publish(changing: try declared.remove("*.apps.home.arpa:a"), of: declared, with: resolver)
            #expect(try await unbound.ask("any.apps.home.arpa", .a) == "NXDOMAIN")
            #expect(try await unbound.ask("new.apps.home.arpa", .a) == "A 192.168.1.13")
        }
    }

    @Test("a wildcard over the whole domain leaves every declared name as it is")
    func wildcardOverTheDomain() async throws {
        try await withPrivateUnbound { unbound in
            var declared = try Declared()
            let resolver = try unbound.makeResolver()
            try declared.put("*.home.arpa", .a, "192.168.1.9")
            try declared.put("nas.home.arpa", .a, "192.168.1.5")
            await publish(changing: [], of: declared, with: resolver)
            #expect(try await unbound.ask("nas.home.arpa", .a) == "A 192.168.1.5")
            #expect(try await unbound.ask("any.home.arpa", .a) == "A 192.168.1.9")
            let drift = try await resolver.compare(with: declared.table.publication)
            #expect(drift.names.isEmpty)
            #expect(drift.unmanaged.isEmpty)
        }
    }

    @Test("an alias of a declared name is answered with the target's addresses, and follows them")
    func alias() async throws {
        try await withPrivateUnbound { unbound in
            var declared = try Declared()
            let resolver = try unbound.makeResolver()
            try declared.put("nas.home.arpa", .a, "192.168.1.5")
            try declared.put("files.home.arpa", .cname, "nas.home.arpa")
            await publish(changing: [], of: declared, with: resolver)
            #expect(try await unbound.ask("files.home.arpa", .a) == "A 192.168.1.5")
            let changed = try declared.put("nas.home.arpa", .a, "192.168.1.6")
            await publish(changing: changed, of: declared, with: resolver)
            #expect(try await unbound.ask("files.home.arpa", .a) == "A 192.168.1.6")
            await publish(
                changing: try declared.put("files.home.arpa", .cname, "example.org"), of: declared, with: resolver)
            #expect(try await unbound.ask("files.home.arpa", .cname) == "CNAME example.org")
        }
    }

    @Test("a text too long for the control channel is published all the same")
    func longText() async throws {
        try await withPrivateUnbound { unbound in
            var declared = try Declared()
            let resolver = try unbound.makeResolver()
            try declared.put("nas.home.arpa", .a, "192.168.1.5")
            await publish(changing: [], of: declared, with: resolver)
            let text = String(repeating: "ü", count: 1900)
            await publish(changing: try declared.put("long.home.arpa", .txt, text), of: declared, with: resolver)
            #expect(try await unbound.ask("long.home.arpa", .txt) == "TXT \(text)")
            let drift = try await resolver.compare(with: declared.table.publication)
            #expect(drift.names.isEmpty)
        }
    }

    @Test("a resolver that is away is an error at once; the file has the record, so it is answered after the start")
    func away() async throws {
        try await withPrivateUnbound { unbound in
            var declared = try Declared()
            let resolver = try unbound.makeResolver()
            try declared.put("nas.home.arpa", .a, "192.168.1.5")
            await publish(changing: [], of: declared, with: resolver)
            try await unbound.goAway()
            let changed = try declared.put("tv.home.arpa", .a, "192.168.1.7")
            let report = await resolver.publish(declared.table.publication, changing: changed)
            #expect(report.live?.reason == .unavailable)
            #expect(report.stored == nil)
            let answers = await resolver.answer([Question(try RecordName("tv.home.arpa"), .a)])
            #expect(throws: ResolverError.self) { try answers[0].get() }
            await #expect(throws: ResolverError.self) { try await resolver.compare(with: declared.table.publication) }
            try await unbound.comeBack()
            #expect(try await unbound.ask("tv.home.arpa", .a) == "A 192.168.1.7")
            await publish(changing: changed, of: declared, with: resolver)
        }
    }

    @Test("2,000 records are published, compared and taken away")
    func many() async throws {
        try await withPrivateUnbound { unbound in
            var declared = try Declared()
            let resolver = try unbound.makeResolver()
            for number in 0..<2000 {
                try declared.put("host\(number).home.arpa", .a, "10.1.\(number / 250).\(number % 250)")
            }
            // One at a time would be a reload each; the first brings the zone.
            let names = Set(declared.table.publication.names.keys)
            await publish(changing: names, of: declared, with: resolver)
            let questions = names.map { Question($0, .a) }
            let answers = await resolver.answer(questions)
            for (question, answer) in zip(questions, answers) {
                #expect(try answer.get().sets == [try #require(declared.table.published(question))])
            }
            let drift = try await resolver.compare(with: declared.table.publication)
            #expect(drift.names.isEmpty)
            for number in 0..<1990 { try declared.remove("host\(number).home.arpa:a") }
            await publish(changing: names, of: declared, with: resolver)
            #expect(try await unbound.ask("host7.home.arpa", .a) == "NXDOMAIN")
            #expect(try await unbound.ask("host1995.home.arpa", .a) == "A 10.1.7.245")
        }
    }
}
