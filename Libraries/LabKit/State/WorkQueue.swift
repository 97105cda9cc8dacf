import LabCore
import LabPostgres

/// The work of one kind: claimed in batches by replicas, completed in one transaction.
struct WorkQueue: Sendable {
    /// A claim on one resource.
    struct Claim: Sendable {
        let name: ResourceName
        /// The wake-up that this claim answers; a later one keeps the resource due.
        let version: Int64
        let failures: Int
    }

    /// What a completed claim is recorded with.
    struct Completion: Sendable {
        let claim: Claim
        let generation: Int64
        let outcome: Outcome
        /// Until the next look, in milliseconds; nil when nothing is to be done before something changes.
        let again: Double?
        let failures: Int
    }

    let kind: String
    let replica: String
    let postgres: PostgresClient

    /// Claims due work for `duration`.
    func claim(atMost count: Int, for duration: Duration) async throws -> [Claim] {
        let rows = try await postgres.query(
            "select name, version, failures from lab.claim(\(kind), \(replica), \(Int32(count)), \(duration.seconds))")
        return try rows.map { row in
            let (name, version, failures) = try row.decode((String, Int64, Int32).self)
            return Claim(name: try ResourceName(name), version: version, failures: Int(failures))
        }
    }

    /// How long until something is due or an abandoned claim runs out; nil when nothing waits.
    func nextDue() async throws -> Duration? {
        let rows = try await postgres.query("select lab.next_due(\(kind))")
        guard let milliseconds = try rows.first?.value(at: 0, as: Double?.self) else { return nil }
        return .milliseconds(max(0, milliseconds))
    }

    func complete(_ completions: [Completion]) async throws {
        guard !completions.isEmpty else { return }
        let statement: PostgresQuery = "select lab.complete(\(PostgresJSON(payload(completions).text)))"
        for _ in 1..<Self.attempts {
            do {
                try await postgres.query(statement)
                return
            } catch let error as PostgresError where error.isRetryable {
                // One that wakes its owner and one that changes what it owns may each wait for the other; the server
                // undoes one of them.
                continue
            }
        }
        try await postgres.query(statement)
    }

    /// How often a completion that others got in the way of is recorded anew.
    private static let attempts = 5

    private func payload(_ completions: [Completion]) -> JSONText {
        var writer = JSONWriter()
        writer.array { writer in
            for completion in completions { write(completion, to: &writer) }
        }
        return JSONText(trusted: writer.text)
    }

    private func write(_ completion: Completion, to writer: inout JSONWriter) {
        let outcome = completion.outcome
        writer.object { writer in
            writer.key("kind")
            writer.string(kind)
            writer.key("name")
            writer.string(outcome.name.text)
            writer.key("generation")
            writer.integer(completion.generation)
            writer.key("version")
            writer.integer(completion.claim.version)
            writer.key("failures")
            writer.integer(Int64(completion.failures))
            writer.key("again")
            if let again = completion.again { writer.integer(Int64(again.rounded())) } else { writer.null() }
            writer.key("purge")
            writer.boolean(outcome.next == .purge)
            writer.key("conditions")
            writer.array { writer in
                for condition in outcome.conditions {
                    writer.object { writer in
                        writer.key("type")
                        writer.string(condition.type)
                        writer.key("status")
                        writer.string(condition.status.rawValue)
                        writer.key("reason")
                        writer.string(condition.reason)
                        writer.key("message")
                        writer.string(condition.message)
                        if let observation = condition.observation, let text = try? JSONText(encoding: observation) {
                            writer.key("observation")
                            writer.raw(text)
                        }
                    }
                }
            }
            writer.key("declare")
            writer.array { writer in
                for declaration in outcome.declarations { StatePayload.write(declaration, to: &writer) }
            }
            writer.key("remove")
            writer.array { writer in
                for key in outcome.removals { StatePayload.write(key, to: &writer) }
            }
            writer.key("events")
            writer.array { writer in
                for event in outcome.events { StatePayload.write(event, to: &writer) }
            }
        }
    }
}
