import LabHTTPClient

/// The runtimes, one for each name that a declaration can give: the table of contents of the seam.
struct Runtimes: Sendable {
    private let native: NativeRuntime

    /// - Parameter timeout: how long an app may take to answer when it is looked at.
    init(http: HTTPClient, timeout: Duration = .seconds(5)) {
        native = NativeRuntime(http: http, timeout: timeout)
    }

    subscript(name: RuntimeName) -> any Runtime {
        switch name {
        case .native: native
        }
    }
}
