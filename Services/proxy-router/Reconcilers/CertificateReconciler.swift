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
        for resource in batch where !resource.isDeleted {
            outcomes.append(try await outcome(resource, entries[resource.name]))
        }
        return outcomes
    }

    private func outcome(
        _ resource: Resource<CertificateSpec>, _ stored: CertificateStore.Entry?
    ) async throws -> Outcome {
        let now = certificates.clock.now
        var entry = stored
        do {
            if entry?.suits(resource.spec, at: now) != true {
                entry = try await certificates.issue(resource.name, resource.spec, replacing: stored)
            }
        } catch let error as CryptoError {
            return Outcome(
                resource.name, .retry,
                conditions: [
                    .unmet(ServerCertificate.issued, reason: "NotIssued", message: error.description)
                ])
        }
        guard let entry else { return Outcome(resource.name, .retry) }
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
