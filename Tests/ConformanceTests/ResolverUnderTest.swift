import LabCore
import LabTesting
import Testing

@testable import DNSManager
@testable import DNSManagerTests

/// A driver and its real resolver, with what a person could do to that behind the driver's back.
struct ResolverUnderTest: Sendable {
    enum Driver: String, Sendable, CaseIterable {
        case unbound
    }

    let resolver: any Resolver
    private let unbound: PrivateUnbound

    static func with(
        _ driver: Driver, _ body: @escaping @Sendable (ResolverUnderTest) async throws -> Void
    ) async throws {
        switch driver {
        case .unbound:
            try await withPrivateUnbound { unbound in
                try await body(ResolverUnderTest(resolver: try unbound.makeResolver(), unbound: unbound))
            }
        }
    }

    func declared() throws -> Declared { try Declared(capabilities: resolver.capabilities) }

    // MARK: Through the driver

    /// Publishes and expects success; all names unless told otherwise.
    func publish(_ declared: Declared, changing names: Set<RecordName>? = nil) async {
        let publication = declared.table.publication
        let report = await resolver.publish(publication, changing: names ?? Set(publication.names.keys))
        #expect(report.live == nil)
        #expect(report.stored == nil)
        #expect(report.refused.isEmpty)
    }

    /// Expects each published set, whole and alone, and no drift.
    func expectAnswers(_ declared: Declared) async throws {
        let sets = declared.table.publication.names.values.flatMap { $0 }
        let answers = await resolver.answer(sets.map { Question($0.name, $0.type) })
        for (set, answer) in zip(sets, answers) {
            #expect(try answer.get().sets.filter { $0.name == set.name } == [set])
        }
        let drift = try await resolver.compare(with: declared.table.publication)
        #expect(drift.names.isEmpty)
    }

    /// The addresses that a client gets for a name, aliases followed.
    func addresses(_ name: String) async throws -> [String] {
        let answers = await resolver.answer([Question(try RecordName(name), .a)])
        return try answers[0].get().sets.filter { $0.type == .a }.flatMap(\.values)
    }

    // MARK: Behind its back

    func add(_ name: String, _ address: String) async throws {
        try await unbound.control("local_data \(name) 300 IN A \(address)")
    }

    func remove(_ name: String) async throws { try await unbound.control("local_data_remove \(name)") }
    func restart() async throws { try await unbound.killAndWaitUntilReady() }
    func goAway() async throws { try await unbound.goAway() }
    func comeBack() async throws { try await unbound.comeBack() }

    /// Something that is another after any change: what is held, the process, and the stored file itself.
    func trace() async throws -> Trace {
        Trace(
            held: try await unbound.control("list_local_data").split(separator: "\n").map(String.init).sorted(),
            process: await unbound.pid, file: FileVersion(unbound.recordsFile))
    }

    struct Trace: Equatable {
        let held: [String]
        let process: Int32?
        let file: FileVersion?
    }
}
