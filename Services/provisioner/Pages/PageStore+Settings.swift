import LabService

extension PageStore {
    /// The directory of `LAB_DOCS_DIR`.
    init(_ settings: LabSettings) throws {
        let directory = try settings.required("LAB_DOCS_DIR")
        guard directory.hasPrefix("/") else {
            throw SettingError(
                key: "LAB_DOCS_DIR", detail: "is “\(directory)”, which is not an absolute path",
                remedy: "Give a path that begins with “/”")
        }
        self.init(directory: directory.count > 1 && directory.hasSuffix("/") ? String(directory.dropLast()) : directory)
    }
}
