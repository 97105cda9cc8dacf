/// Waits until something is so, for a long time at the most: the machine that tests run on may be slow and busy.
///
/// - Returns: whether it came true within the limit, so that the caller can say what did not.
public func eventually(
    within limit: Duration = .seconds(60), _ isSo: () async throws -> Bool
) async throws -> Bool {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if try await isSo() { return true }
        try await Task.sleep(for: .milliseconds(20))
    }
    return false
}
