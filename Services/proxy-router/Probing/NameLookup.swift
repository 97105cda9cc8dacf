public import LabCore

/// The lab's resolver, as a client asks it.
public protocol NameLookup: Sendable {
    /// The addresses of a host, of both families; none when the name does not exist or has no address.
    ///
    /// - Throws: an error for people when the resolver does not answer.
    func addresses(of host: Hostname) async throws -> [IPLiteral]
}
