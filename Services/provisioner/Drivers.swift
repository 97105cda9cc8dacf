import LabHTTPClient

/// The runtimes, one for each name that a declaration can give: the table of contents of the seam.
struct Runtimes: Sendable {
    private let native: NativeRuntime

    init(http: HTTPClient) {
        native = NativeRuntime(http: http)
    }

    subscript(name: RuntimeName) -> any Runtime {
        switch name {
        case .native: native
        }
    }
}
