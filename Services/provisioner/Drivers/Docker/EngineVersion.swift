import Synchronization

/// The version of its API that an engine is asked in, as `GET /version` says: 1.41, which all have since Docker 20.10, or
/// the oldest one that a newer engine still takes (Docker 29 begins with 1.44).
final class EngineVersion: Sendable {
    struct Answer: Sendable, Decodable {
        let oldest: String?
        private enum CodingKeys: String, CodingKey { case oldest = "MinAPIVersion" }
    }

    static let wanted = "1.41"
    private let known = Mutex<String?>(nil)

    /// - Parameter ask: asks the engine; called when it is not known yet.
    func value(_ ask: () async throws -> Answer) async throws -> String {
        if let version = known.withLock({ $0 }) { return version }
        let version = Self.version(for: try await ask().oldest)
        known.withLock { $0 = version }
        return version
    }

    func forget() { known.withLock { $0 = nil } }

    static func version(for oldest: String?) -> String {
        guard let oldest, let own = numbers(of: wanted), let other = numbers(of: oldest), other > own else {
            return wanted
        }
        return oldest
    }

    private static func numbers(of version: String) -> (Int, Int)? {
        let parts = version.split(separator: ".").map { Int($0) }
        guard parts.count == 2, let major = parts[0], let minor = parts[1] else { return nil }
        return (major, minor)
    }
}
