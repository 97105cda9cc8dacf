import LabCore
import LabCrypto
import Synchronization

/// The releases that came up a moment ago. A process that was killed has forgotten them, and keeps what it finds.
final class YoungReleases: Sendable {
    private static let youth: Duration = .seconds(10)
    private let releases = Mutex<[AppName: (number: Int, until: ContinuousClock.Instant)]>([:])

    func add(_ release: Release) {
        releases.withLock { $0[release.app] = (release.number, .now + Self.youth) }
    }

    func contains(_ release: Release) -> Bool {
        releases.withLock { releases in
            guard let entry = releases[release.app], entry.number == release.number else { return false }
            if entry.until > .now { return true }
            releases[release.app] = nil
            return false
        }
    }
}

/// What Compose would compare containers with, kept for the release that was asked of last.
final class ServiceHashes: Sendable {
    private let known = Mutex<[AppName: (release: Int, secrets: [UInt8], hashes: [String: String])]>([:])

    func of(
        _ release: Release, _ variables: [String: String], _ make: (Release) async throws -> [String: String]
    ) async throws -> [String: String] {
        // Of the secrets no more is kept than what tells whether they have changed.
        let text = variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "\n")
        let secrets = SHA256.hash(Array(text.utf8))
        if let present = known.withLock({ $0[release.app] }), present.release == release.number,
            present.secrets == secrets
        {
            return present.hashes
        }
        let hashes = try await make(release)
        known.withLock { $0[release.app] = (release.number, secrets, hashes) }
        return hashes
    }

    func forget(_ app: AppName) {
        known.withLock { _ = $0.removeValue(forKey: app) }
    }
}
