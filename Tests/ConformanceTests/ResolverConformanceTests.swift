import LabCore
import LabTesting
import Testing

@testable import DNSManager
@testable import DNSManagerTests

/// What every resolver promises, on the real one.
@Suite("Every resolver keeps its promises", .serialized)
struct ResolverConformanceTests {
    @Test("every driver is in this suite")
    func complete() {
        #expect(
            ResolverDrivers.all.map { $0.name }.sorted() == ResolverUnderTest.Driver.allCases.map(\.rawValue).sorted())
    }

    @Test(
        "each type of the capabilities is answered, still after a restart, and publishing again changes nothing",
        arguments: ResolverUnderTest.Driver.allCases)
    func types(_ driver: ResolverUnderTest.Driver) async throws {
        try await ResolverUnderTest.with(driver) { lab in
            var declared = try lab.declared()
            let samples: [RecordType: (name: String, value: String)] = [
                .a: ("a.home.arpa", "192.168.1.5"), .aaaa: ("a.home.arpa", "fd00::5"),
                .cname: ("alias.home.arpa", "example.org"), .txt: ("a.home.arpa", #"a "quoted" \ text; #1"#),
                .ptr: ("5.1.168.192.in-addr.arpa", "a.home.arpa"), .srv: ("_x._tcp.home.arpa", "0 5 80 a.home.arpa"),
                .mx: ("a.home.arpa", "10 a.home.arpa"), .caa: ("a.home.arpa", "0 issue \"example.org\""),
            ]
            for type in RecordType.allCases {
                let sample = try #require(samples[type])
                // PTR records come by their address.
                if type == .ptr {
                    try declared.put(RecordSpec(address: IPAddress("192.168.1.5"), names: [sample.value]))
                } else {
                    try declared.put(sample.name, type, sample.value)
                }
                let refusal = try declared.refusal(RecordSet.resourceName(RecordName(sample.name), type).text)
                let isHeld = lab.resolver.capabilities.types.contains(type)
                #expect(refusal?.reason == (isHeld ? nil : .unsupported))
            }
            await lab.publish(declared)
            try await lab.expectAnswers(declared)

            let before = try await lab.trace()
            await lab.publish(declared)
            #expect(try await lab.trace() == before)
            try await lab.restart()
            try await lab.expectAnswers(declared)
        }
    }

    @Test(
        "a changed set replaces the old one, a removed one is not answered",
        arguments: ResolverUnderTest.Driver.allCases)
    func change(_ driver: ResolverUnderTest.Driver) async throws {
        try await ResolverUnderTest.with(driver) { lab in
            var declared = try lab.declared()
            try declared.put("nas.home.arpa", .a, "192.168.1.5", "192.168.1.6")
            try declared.put("tv.home.arpa", .a, "192.168.1.7")
            await lab.publish(declared)
            let replaced = try declared.put("nas.home.arpa", .a, "192.168.1.8")
            await lab.publish(declared, changing: replaced)
            try await lab.expectAnswers(declared)
            #expect(try await lab.addresses("nas.home.arpa") == ["192.168.1.8"])
            let removed = try declared.remove("nas.home.arpa:a")
            await lab.publish(declared, changing: removed)
            #expect(try await lab.addresses("nas.home.arpa") == [])
            try await lab.expectAnswers(declared)
        }
    }

    @Test("wildcards and aliases are as the capabilities say", arguments: ResolverUnderTest.Driver.allCases)
    func capabilities(_ driver: ResolverUnderTest.Driver) async throws {
        try await ResolverUnderTest.with(driver) { lab in
            var declared = try lab.declared()
            try declared.put("*.apps.home.arpa", .a, "192.168.1.9")
            try declared.put("apps.home.arpa", .a, "192.168.1.10")
            try declared.put("nas.home.arpa", .a, "192.168.1.5")
            try declared.put("files.home.arpa", .cname, "nas.home.arpa")
            await lab.publish(declared)
            let wildcard = try declared.refusal("*.apps.home.arpa:a")?.reason
            let apex = try declared.refusal("apps.home.arpa:a")?.reason
            let below = try await lab.addresses("any.apps.home.arpa")
            switch lab.resolver.capabilities.wildcards {
            case .none: #expect(wildcard == .unsupported && below == [])
            case .withApex: #expect(wildcard == nil && apex == .unsupported && below == ["192.168.1.9"])
            case .exact: #expect(wildcard == nil && apex == nil && below == ["192.168.1.9"])
            }
            #expect(try await lab.addresses("files.home.arpa") == ["192.168.1.5"])
        }
    }

    @Test(
        "what was changed behind its back is found and made right, what is not ours stays",
        arguments: ResolverUnderTest.Driver.allCases)
    func drift(_ driver: ResolverUnderTest.Driver) async throws {
        try await ResolverUnderTest.with(driver) { lab in
            var declared = try lab.declared()
            for number in 1...3 { try declared.put("host\(number).home.arpa", .a, "192.168.1.\(number)") }
            await lab.publish(declared)
            try await lab.add("host1.home.arpa", "10.6.6.6")
            try await lab.remove("host2.home.arpa")
            try await lab.add("stranger.home.arpa", "10.7.7.7")
            let drift = try await lab.resolver.compare(with: declared.table.publication)
            #expect(drift.names.map(\.text).sorted() == ["host1.home.arpa", "host2.home.arpa"])
            #expect(drift.unmanaged.count == 1 && drift.unmanaged[0].contains("stranger.home.arpa"))
            await lab.publish(declared, changing: drift.names)
            try await lab.expectAnswers(declared)
            #expect(try await lab.addresses("stranger.home.arpa") == ["10.7.7.7"])
        }
    }

    @Test(
        "a resolver that is away is an error, and heals when it is back", arguments: ResolverUnderTest.Driver.allCases)
    func away(_ driver: ResolverUnderTest.Driver) async throws {
        try await ResolverUnderTest.with(driver) { lab in
            var declared = try lab.declared()
            try declared.put("nas.home.arpa", .a, "192.168.1.5")
            await lab.publish(declared)
            try await lab.goAway()
            let changed = try declared.put("tv.home.arpa", .a, "192.168.1.7")
            let report = await lab.resolver.publish(declared.table.publication, changing: changed)
            #expect(report.live?.reason == .unavailable)
            let error = await #expect(throws: ResolverError.self) {
                try await lab.resolver.compare(with: declared.table.publication)
            }
            #expect(error?.reason == .unavailable)
            await #expect(throws: ResolverError.self) { try await lab.addresses("nas.home.arpa") }
            try await lab.comeBack()
            await lab.publish(declared, changing: changed)
            try await lab.expectAnswers(declared)
        }
    }
}
