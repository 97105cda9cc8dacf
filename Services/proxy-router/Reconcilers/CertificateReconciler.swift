import FoundationEssentials
import LabCore
import LabCrypto
import LabState

/// Keeps certificates issued: for the declared names, and renewed at two thirds of their life.
struct CertificateReconciler: Reconciler {
    typealias Kind = ServerCertificate

    let certificates: CertificateStore

    /// The longest sleep, so that a clock that was set is noticed.
    private static let longestWait: Duration = .seconds(24 * 3600)

    func resync(_ context: ReconcileContext) async throws -> [ResourceName] {
        try await certificates.removeUndeclared()
        return []
    }

    func reconcile(_ batch: [Resource<CertificateSpec>], _ context: ReconcileContext) async throws -> [Outcome] {
        let removed = batch.filter(\.isDeleted).map(\.name)
        if !removed.isEmpty { try await certificates.remove(removed) }
        var outcomes = removed.map { Outcome($0, .purge) }
        let entries = try await certificates.entries(of: batch.map(\.name))
        let now = certificates.clock.now
        let live = batch.filter { !$0.isDeleted }
        let due = live.filter { entries[$0.name]?.suits($0.spec, at: now) != true }
        let issued = try await certificates.issue(
            due.map { CertificateStore.Request(name: $0.name, spec: $0.spec, former: entries[$0.name]) })
        for resource in live {
            switch issued[resource.name] {
            case .failure(let error):
                outcomes.append(
                    Outcome(
                        resource.name, .retry,
                        conditions: [
                            .unmet(ServerCertificate.issued, reason: "NotIssued", message: error.description)
                        ]))
            case .success(let entry):
                outcomes.append(outcome(resource, entry, at: now))
            case nil:
                outcomes.append(
                    entries[resource.name].map { outcome(resource, $0, at: now) } ?? Outcome(resource.name, .retry))
            }
        }
        return outcomes
    }

    private func outcome(
        _ resource: Resource<CertificateSpec>, _ entry: CertificateStore.Entry, at now: Date
    ) -> Outcome {
        let wait = Duration.seconds(max(1, entry.renewAt.timeIntervalSince(now)))
        return Outcome(
            resource.name, .after(min(wait, Self.longestWait)),
            conditions: [
                .met(
                    ServerCertificate.issued, reason: "Issued",
                    message: "valid until \(entry.notAfter.rfc3339), renewed from \(entry.renewAt.rfc3339) on, "
                        + "SHA-256 \(entry.fingerprint)")
            ])
    }
}
